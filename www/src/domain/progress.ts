import { projection } from 'tidelog'
import { course } from './course'
import { exam, type Answers } from './exam'
import { idOf } from './stream'

/** How far a learner is, as a teacher sees it. */
export interface Progress {
  /** The lessons completed. */
  lessons: readonly string[]
  /** The questions answered so far. */
  answered: readonly string[]
  /** The answers that count, once the exam is handed in. */
  handedIn: Answers | null
}

/** One row per learner of the course; the key is the id that a learner's course and exam share: `tides-mira`. */
export const progress = projection({
  name: 'progress',
  from: [course, exam],
  initial: (): Progress => ({ lessons: [], answered: [], handedIn: null }),
  key: (event) => idOf(event.stream),
  on: {
    LessonCompleted: (row, { data }) => ({ ...row, lessons: added(row.lessons, data.lesson) }),
    QuestionAnswered: (row, { data }) => ({ ...row, answered: added(row.answered, data.question) }),
    ExamHandedIn: (row, { data }) => ({ ...row, handedIn: row.handedIn ?? data.answers }),
  },
})

const added = (list: readonly string[], item: string): readonly string[] => (list.includes(item) ? list : [...list, item])
