/** What a completed course leads to elsewhere: a certificate, then a badge; a letter after a quiet week; all taken back if the exam is annulled. */
import type { RecordedEvent } from 'tidelog'
import type { EnrolmentEvent } from './domain.js'

/** A command for an instance of an aggregate. */
export type Step =
  | { to: 'certificate'; command: { type: 'Issue'; data: { course: string } } | { type: 'Revoke'; data: { reason: string } } }
  | { to: 'badges'; command: { type: 'Grant'; data: { badge: string } } }
  | { to: 'letters'; command: { type: 'Write'; data: { text: string } } }

/** What makes up for the steps that were done if a later one is refused. */
export const compensations: { readonly [Name in Step['to']]?: (reason: string) => Step } = {
  certificate: (reason) => ({ to: 'certificate', command: { type: 'Revoke', data: { reason } } }),
}

/** The steps that an event leads to, in order. Pure. */
export function react(event: RecordedEvent<EnrolmentEvent>): Step[] {
  switch (event.type) {
    case 'CourseCompleted':
      return [
        { to: 'certificate', command: { type: 'Issue', data: { course: event.data.course } } },
        { to: 'badges', command: { type: 'Grant', data: { badge: event.data.course } } },
        { to: 'letters', command: { type: 'Write', data: { text: `You have completed ${event.data.course}` } } },
      ]
    case 'ExamAnnulled':
      return [
        { to: 'certificate', command: { type: 'Revoke', data: { reason: event.data.reason } } },
        { to: 'letters', command: { type: 'Write', data: { text: `Your exam in ${event.data.course} was annulled: ${event.data.reason}` } } },
      ]
    default:
      return []
  }
}
