/** Rows made from events: one projection for the teacher's table, one for the figures above it. */
import { projection, type RecordedEvent } from 'tidelog'

export type LearningEvent =
  | { type: 'LessonCompleted'; data: { learner: string; course: string; minutes: number } }
  | { type: 'LearnerLeft'; data: { learner: string; course: string } }

export interface Progress {
  readonly learner: string
  readonly course: string
  readonly lessons: number
  readonly minutes: number
}

/** How the app reads what an event says of time. A release of the app brings a better one: see main.ts. */
export const reading = { minutes: (given: unknown): number => valid(Number(given)) }

function valid(minutes: number): number {
  if (!Number.isFinite(minutes)) throw new RangeError('these are no minutes')
  return minutes
}

/** A row for each learner in each course. Queries by course and by minutes find them through indexes. */
export const progress = projection({
  name: 'progress',
  indexes: ['course', 'minutes'],
  initial: (key: string): Progress => ({ learner: key.split(' ')[0]!, course: key.split(' ')[1]!, lessons: 0, minutes: 0 }),
  key: ({ data }: RecordedEvent<LearningEvent>) => `${data.learner} ${data.course}`,
  on: {
    LessonCompleted: (row, { data }) => ({ ...row, lessons: row.lessons + 1, minutes: row.minutes + reading.minutes(data.minutes) }),
    LearnerLeft: () => null,
  },
})

/** A row for each course, current before an append resolves. */
export const courses = projection({
  name: 'courses',
  kind: 'immediate',
  initial: { lessons: 0 },
  key: ({ data }: RecordedEvent<LearningEvent>) => data.course,
  on: { LessonCompleted: (row) => ({ lessons: row.lessons + 1 }) },
})
