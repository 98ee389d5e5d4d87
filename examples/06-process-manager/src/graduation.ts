/** What a learner's way leads to elsewhere: a certificate, a badge and a letter, a reminder after a quiet week, and the way back. */
import { processManager, reaction, type RecordedEvent } from 'tidelog'
import { badges, certificate, letters, type EnrolmentEvent } from './domain.js'

const week = 7 * 86_400_000

export const graduation = processManager({
  name: 'graduation',
  types: ['Enrolled', 'LessonCompleted', 'CourseCompleted', 'ExamAnnulled'],
  initialState: { lessons: 0 },

  // One instance a learner, from the enrolment on.
  correlate(event: RecordedEvent<EnrolmentEvent>) {
    const learner = event.stream.slice('enrolment-'.length)
    return event.type === 'Enrolled' ? { start: learner } : { continue: learner }
  },

  evolve: (state, event) => (event.type === 'LessonCompleted' ? { lessons: state.lessons + 1 } : state),

  react(_state, event, { instance: learner }) {
    switch (event.type) {
      case 'Enrolled':
      case 'LessonCompleted':
        // Set anew at every step, so it rings only after a week without one.
        return reaction.after('quiet', week)
      case 'CourseCompleted': {
        const { course } = event.data
        return [
          reaction.cancel('quiet'),
          reaction.send(certificate, learner, { type: 'Issue', data: { course } }, { compensate: { type: 'Revoke', data: { reason: 'taken back' } } }),
          reaction.send(badges, learner, { type: 'Grant', data: { badge: course } }, { compensate: { type: 'Take', data: { badge: course } } }),
          reaction.send(letters, learner, { type: 'Write', data: { text: `You have completed ${course}` } }),
        ]
      }
      case 'ExamAnnulled':
        return reaction.compensate(event.data.reason)
    }
  },

  onTimeout: ({ lessons }, _name, { instance: learner }) =>
    reaction.send(letters, learner, { type: 'Write', data: { text: `It has been a week since lesson ${lessons}` } }),
})
