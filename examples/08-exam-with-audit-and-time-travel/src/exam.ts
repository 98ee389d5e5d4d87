/** An exam: answers until it is handed in, then grades, each with its examiner's reason. Nothing is ever overwritten. */
import { aggregate, DomainError, type EventExtras } from 'tidelog'

export type ExamCommand =
  | { type: 'Start'; data: { minutes: number } }
  | { type: 'Answer'; data: { question: string; answer: string } }
  | { type: 'HandIn' }
  | { type: 'NoteInterruption'; data: { from: number; minutes: number; what: string } }
  | { type: 'Grade'; data: { points: number; reason: string } }

export type ExamEvent =
  | { type: 'ExamStarted'; data: { until: number } }
  | { type: 'QuestionAnswered'; data: { question: string; answer: string } }
  | { type: 'ExamHandedIn'; data: { answers: number } }
  | { type: 'ExamInterrupted'; data: { minutes: number; what: string } }
  | { type: 'ExamGraded'; data: { points: number; reason: string } }
  | { type: 'GradeChanged'; data: { from: number; to: number; reason: string } }

export interface ExamState {
  readonly until: number
  readonly handedIn: boolean
  readonly interrupted: number
  readonly answers: Readonly<Record<string, string>>
  readonly points: number | null
}

export const exam = aggregate({
  name: 'exam',
  initialState: (): ExamState => ({ until: 0, handedIn: false, interrupted: 0, answers: {}, points: null }),

  decide(command: ExamCommand, state: ExamState, { now }): (ExamEvent & EventExtras) | ExamEvent[] {
    switch (command.type) {
      case 'Start':
        if (state.until > 0) throw new DomainError('already-started', 'The exam has been started already')
        return { type: 'ExamStarted', data: { until: now.getTime() + command.data.minutes * 60_000 } }
      case 'Answer':
        if (state.until === 0 || state.handedIn) throw new DomainError('not-open', 'The exam is not open')
        if (now.getTime() > state.until) throw new DomainError('time-is-up', 'The time is up')
        return { type: 'QuestionAnswered', data: command.data }
      case 'HandIn':
        if (state.until === 0 || state.handedIn) throw new DomainError('not-open', 'The exam is not open')
        return { type: 'ExamHandedIn', data: { answers: Object.keys(state.answers).length } }
      case 'NoteInterruption': {
        const { from, ...data } = command.data
        // It is written down now and happened then.
        return { type: 'ExamInterrupted', data, occurredAt: from }
      }
      case 'Grade': {
        if (!state.handedIn) throw new DomainError('not-handed-in', 'What is not handed in is not graded')
        const { points, reason } = command.data
        if (state.points === null) return { type: 'ExamGraded', data: { points, reason } }
        return points === state.points ? [] : { type: 'GradeChanged', data: { from: state.points, to: points, reason } }
      }
    }
  },

  evolve(state: ExamState, event: ExamEvent): ExamState {
    switch (event.type) {
      case 'ExamStarted':
        return { ...state, until: event.data.until }
      case 'QuestionAnswered':
        return { ...state, answers: { ...state.answers, [event.data.question]: event.data.answer } }
      case 'ExamHandedIn':
        return { ...state, handedIn: true }
      case 'ExamInterrupted':
        return { ...state, interrupted: state.interrupted + event.data.minutes }
      case 'ExamGraded':
        return { ...state, points: event.data.points }
      case 'GradeChanged':
        return { ...state, points: event.data.to }
    }
  },

  // What was handed in on a train is handed in, whatever happened elsewhere meanwhile.
  policies: { HandIn: 'keep' },
})
