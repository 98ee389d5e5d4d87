import { projection } from 'tidelog'
import { enrolment, type Assessment } from './enrolment'
import type { Learner } from './learners'
import { countScore, noScores, type ScoreCounts } from './statistics'
import { idOf, presentationOf } from './stream'

/** What came in for one assessment. */
export interface AssessmentResult extends Assessment {
  submitted: number
  /** Of those, after the day it was due. */
  late: number
  /** Of those, carried over from an earlier presentation. */
  banked: number
  /** Of those, without a score. */
  unscored: number
  scores: ScoreCounts
}

/** One row per assessment; the key: `AAA-2013J-1752`. */
export const assessments = projection({
  name: 'assessments',
  from: [enrolment],
  initial: (key: string): AssessmentResult => ({
    assessment: key.slice(key.lastIndexOf('-') + 1),
    kind: '',
    due: null,
    weight: 0,
    submitted: 0,
    late: 0,
    banked: 0,
    unscored: 0,
    scores: noScores,
  }),
  key: (event) => (event.type === 'AssessmentSubmitted' ? `${presentationOf(idOf(event.stream))}-${event.data.assessment}` : null),
  on: {
    AssessmentSubmitted: (row, { data: { kind, due, weight, day, score, banked } }) => ({
      ...row,
      kind,
      due,
      weight,
      submitted: row.submitted + 1,
      late: row.late + (due !== null && day > due ? 1 : 0),
      banked: row.banked + (banked ? 1 : 0),
      unscored: row.unscored + (score === null ? 1 : 0),
      scores: score === null ? row.scores : countScore(row.scores, score),
    }),
  },
})

/** Where every learner stands with one assessment; the five add up to all of them. */
export interface Completion {
  inTime: number
  late: number
  /** Not submitted, and not due yet. */
  open: number
  /** Not submitted when it was due, though the learner was enrolled. */
  missing: number
  /** Left before it was due, and submitted nothing. */
  gone: number
}

/** Where all learners stand during a day, counted from the start of the presentation; without one, after its end. */
export function completion({ assessment, due }: Assessment, all: Iterable<Learner>, today?: number): Completion {
  const result: Completion = { inTime: 0, late: 0, open: 0, missing: 0, gone: 0 }
  for (const { submissions, unregistered } of all) {
    const submission = submissions[assessment]
    if (submission) result[due !== null && submission.day > due ? 'late' : 'inTime'] += 1
    else if (unregistered !== null && (due === null || unregistered <= due)) result.gone += 1
    else result[today !== undefined && (due ?? Infinity) >= today ? 'open' : 'missing'] += 1
  }
  return result
}
