import type { Moment, Tidelog } from 'tidelog'
import { assessments, learners, progress, type AssessmentResult, type Learner, type Progress } from '../domain'

/** What the teacher sees. */
export interface Rows {
  learners: ReadonlyMap<string, Learner>
  assessments: ReadonlyMap<string, AssessmentResult>
  progress: ReadonlyMap<string, Progress>
}

/** What the teacher saw at a moment, as the package finds it in the log. */
export async function rowsAt(tidelog: Tidelog, at: Moment): Promise<Rows> {
  const [first, second, third] = await Promise.all([
    tidelog.rows(learners, { at }),
    tidelog.rows(assessments, { at }),
    tidelog.rows(progress, { at }),
  ])
  return { learners: new Map(first), assessments: new Map(second), progress: new Map(third) }
}
