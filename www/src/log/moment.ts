import type { Moment, RecordedEvent } from 'tidelog'
import { aggregateOf, type CourseEvent, type EnrolmentEvent, type ExamEvent } from '../domain'
import { startOf } from '../import/oulad'

const DAY = 86_400_000
const date = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' })
const time = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })

/** When an event happened, short: the day of the presentation for the records, the time of day for what was done on this page. */
export function when(event: RecordedEvent): string {
  const day = dayOf(event)
  return day === undefined ? time.format(event.metadata.occurredAt) : `day ${day}`
}

/** The moment right after an event; without one, before everything. */
export const momentAfter = (event: RecordedEvent | undefined): Moment => event ?? 0

/** The day of an event, as a date input has it: `2014-03-03`. */
export const dateOf = ({ metadata }: RecordedEvent): string => new Date(metadata.occurredAt).toISOString().slice(0, 10)

/** How many events of a log there are until the first that happened after this day, `2014-03-03`. */
export function untilEndOf(day: string, events: readonly RecordedEvent[]): number {
  const later = events.findIndex((event) => dateOf(event) > day)
  return later === -1 ? events.length : later
}

/** When an event happened, in full. */
export function whenInFull(event: RecordedEvent): string {
  const day = dayOf(event)
  return day === undefined ? time.format(event.metadata.occurredAt) : `day ${day}, about ${date.format(event.metadata.occurredAt)}`
}

/** The day of the presentation that a record belongs to; undefined for what is no record of the data set. */
export function dayOf(event: RecordedEvent): number | undefined {
  if (aggregateOf(event.stream) !== 'enrolment') return undefined
  const presentation = event.stream.split('-')[2]
  return presentation === undefined ? undefined : Math.round((event.metadata.occurredAt - startOf(presentation)) / DAY)
}

/** What an event says, in a few words. */
export function gist(recorded: RecordedEvent): string {
  const event = recorded as RecordedEvent<CourseEvent | ExamEvent | EnrolmentEvent>
  switch (event.type) {
    case 'AssessmentSubmitted':
      return event.data.score === null ? 'no score' : `scored ${event.data.score}`
    case 'LessonCompleted':
      return event.data.lesson
    case 'QuestionAnswered':
      return `${event.data.question}: ${event.data.choice}`
    default:
      return ''
  }
}
