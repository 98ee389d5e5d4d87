/** The course that both devices study. */
export const COURSE = 'tides'
export const COURSE_TITLE = 'Reading the tides'

export type FigureName = 'two-a-day' | 'bulges' | 'springs-neaps' | 'table' | 'twelfths' | 'log'

export interface Lesson {
  id: string
  title: string
  /** Minutes of reading. */
  minutes: number
  figure: FigureName
  caption: string
  paragraphs: readonly string[]
}

export const lessons: readonly Lesson[] = [
  {
    id: 'l1',
    title: 'Two tides a day',
    minutes: 2,
    figure: 'two-a-day',
    caption: 'Height over one lunar day of 24 h 50 min.',
    paragraphs: [
      'Stand on most shores long enough and the sea rises twice and falls twice before it starts again. The whole cycle takes 24 hours and 50 minutes, because the Moon moves on in its orbit while the Earth turns beneath it.',
      'So each tide comes later than the one before: about 12 hours and 25 minutes from high water to high water, and a little over six hours from high to low.',
    ],
  },
  {
    id: 'l2',
    title: 'What the Moon does',
    minutes: 3,
    figure: 'bulges',
    caption: 'Not to scale: one rise towards the Moon, one away from it.',
    paragraphs: [
      'The Moon pulls harder on the near side of the Earth than on the far side. What matters is the difference: it stretches the ocean along the line to the Moon, into one rise towards it and a second, almost equal one, away from it.',
      'The Earth turns through both in a day. That is why there are two tides and not one.',
    ],
  },
  {
    id: 'l3',
    title: 'Springs and neaps',
    minutes: 2,
    figure: 'springs-neaps',
    caption: 'Range over one month: springs at new and full Moon, neaps between.',
    paragraphs: [
      'At new and at full Moon the Sun pulls along the same line as the Moon. High waters are then higher and low waters lower: spring tides, which have nothing to do with the season.',
      'At the quarters the two pull at right angles, and the range is small: neaps. From one to the other takes about a week.',
    ],
  },
  {
    id: 'l4',
    title: 'Reading a tide table',
    minutes: 3,
    figure: 'table',
    caption: 'A page of a table: time, and height above chart datum in metres.',
    paragraphs: [
      'A table gives the time and the height of each high and low water for one port. Heights count from chart datum, a level that the sea seldom falls below, so the depth of water is the charted depth plus the height of the tide.',
      'Read the small print first. Many tables keep winter time all year, and a forgotten hour has put good boats on sand.',
    ],
  },
  {
    id: 'l5',
    title: 'The rule of twelfths',
    minutes: 2,
    figure: 'twelfths',
    caption: 'How much of the range comes in each hour: 1, 2, 3, 3, 2, 1 twelfths.',
    paragraphs: [
      'Between low and high water the sea does not rise evenly. In the first hour it gains one twelfth of its range, in the second two, in the third and fourth three each, then two, then one.',
      'Half of the water comes in the two middle hours. A causeway that was dry at three is under water by five.',
    ],
  },
  {
    id: 'l6',
    title: 'Keeping a log',
    minutes: 2,
    figure: 'log',
    caption: 'Struck through, corrected below, never erased.',
    paragraphs: [
      'A log is written in ink, as things happen, one line after the other. A mistake is struck through and corrected on a line of its own; nothing is ever rubbed out, so that anyone can read how it came about.',
      'Two logs of one voyage can be laid side by side and brought into one order. This page keeps its records in just that way.',
    ],
  },
]

export const lessonTitle = (id: string): string => lessons.find((lesson) => lesson.id === id)?.title ?? id
