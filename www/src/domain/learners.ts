import { projection } from 'tidelog'
import { enrolment, type Submission } from './enrolment'
import { idOf } from './stream'

/** One learner of a presentation, as a teacher sees them. */
export interface Learner {
  /** The learner's number. */
  learner: string
  /** The day of registration, counted from the start of the presentation; null if it is not known. */
  registered: number | null
  /** The day the learner left; null while enrolled. */
  unregistered: number | null
  /** What was submitted, by assessment. */
  submissions: Readonly<Record<string, Pick<Submission, 'day' | 'score' | 'banked'>>>
  /** The sum of score times weight over everything but exams, in hundredths of a point, so that adding stays exact. */
  hundredths: number
}

/** One row per enrolment; the key is the enrolment's id: `AAA-2013J-11391`. */
export const learners = projection({
  name: 'learners',
  from: [enrolment],
  initial: (key: string): Learner => ({
    learner: key.slice(key.lastIndexOf('-') + 1),
    registered: null,
    unregistered: null,
    submissions: {},
    hundredths: 0,
  }),
  key: (event) => idOf(event.stream),
  on: {
    Registered: (row, { data }) => ({ ...row, learner: data.learner, registered: data.day }),
    AssessmentSubmitted: (row, { data: { assessment, day, score, banked, kind, weight } }) => ({
      ...row,
      submissions: { ...row.submissions, [assessment]: { day, score, banked } },
      hundredths: row.hundredths + (kind === 'Exam' ? 0 : (score ?? 0) * weight),
    }),
    Unregistered: (row, { data }) => ({ ...row, unregistered: data.day }),
  },
})

/** The weighted score, from 0 to 100: score times weight in per cent over all assessments; exams stand apart. */
export const weightedScore = (row: Learner): number => row.hundredths / 100
