import type { FieldChange, RowsDifference } from 'tidelog'
import { weightedScore, type Learner } from '../domain'

/** What became of a class, in numbers. */
export interface ClassChange {
  joined: number
  left: number
  submissions: number
}

/** What became of one learner. */
export interface LearnerChange {
  key: string
  learner: string
  /** The weighted score then and now. */
  before: number
  after: number
  submissions: number
  left: boolean
  changes: readonly FieldChange[]
}

const count = (row: Learner | undefined): number => (row ? Object.keys(row.submissions).length : 0)
const hasLeft = (row: Learner | undefined): boolean => row !== undefined && row.unregistered !== null

/** Adds up what changed in the rows of a class. */
export function classChange({ rows }: RowsDifference<Learner>): ClassChange {
  const change: ClassChange = { joined: 0, left: 0, submissions: 0 }
  for (const { before, after } of rows) {
    if (!before) change.joined += 1
    if (hasLeft(after) && !hasLeft(before)) change.left += 1
    change.submissions += count(after) - count(before)
  }
  return change
}

/** The learners whose weighted score moved furthest, in the order of it. */
export function mostChanged({ rows }: RowsDifference<Learner>, most: number): LearnerChange[] {
  return rows
    .map(({ key, before, after, changes }) => ({
      key,
      learner: (after ?? before)?.learner ?? key,
      before: before ? weightedScore(before) : 0,
      after: after ? weightedScore(after) : 0,
      submissions: count(after) - count(before),
      left: hasLeft(after) && !hasLeft(before),
      changes,
    }))
    .sort((a, b) => b.after - b.before - (a.after - a.before) || (a.key < b.key ? -1 : 1))
    .slice(0, most)
}

/** A field in a teacher's words: `/submissions/1752/score` is `submissions › 1752 › score`. */
export const fieldName = (path: string): string =>
  path === ''
    ? 'everything'
    : path
        .slice(1)
        .split('/')
        .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
        .join(' › ')

/** A value of a field, short. */
export function fieldValue(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}
