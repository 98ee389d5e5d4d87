import { projection } from 'tidelog'
import { course } from './course'
import { enrolment } from './enrolment'
import { exam } from './exam'

/** How many events of each type there are. */
export type Tally = Readonly<Record<string, number>>

const count = (row: Tally, { type }: { type: string }): Tally => ({ ...row, [type]: (row[type] ?? 0) + 1 })

/** One row under the key `all`; it changes with every event, pending ones included. */
export const tally = projection({
  name: 'tally',
  from: [course, exam, enrolment],
  initial: (): Tally => ({}),
  key: () => 'all',
  on: {
    LessonCompleted: count,
    QuestionAnswered: count,
    ExamHandedIn: count,
    Registered: count,
    AssessmentSubmitted: count,
    Unregistered: count,
  },
})
