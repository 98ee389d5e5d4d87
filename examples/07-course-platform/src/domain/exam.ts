/** The exam at the end of a course, `exam-<learner>.<course>`. Handing in is binding, wherever it happens. */
import { aggregate, DomainError } from 'tidelog'

export type ExamCommand =
  | { type: 'Answer'; data: { question: string; answer: string } }
  | { type: 'HandIn' }
  | { type: 'Grade'; data: { points: number; of: number } }
  | { type: 'Annul'; data: { reason: string } }

export type ExamEvent =
  | { type: 'QuestionAnswered'; data: { question: string; answer: string } }
  | { type: 'ExamHandedIn'; data: { answers: Record<string, string> } }
  | { type: 'ExamPassed'; data: { points: number; of: number } }
  | { type: 'ExamFailed'; data: { points: number; of: number } }
  | { type: 'ExamAnnulled'; data: { reason: string } }

export interface ExamState {
  readonly answers: Readonly<Record<string, string>>
  readonly status: 'open' | 'handed-in' | 'passed' | 'failed' | 'annulled'
}

export const exam = aggregate({
  name: 'exam',
  initialState: (): ExamState => ({ answers: {}, status: 'open' }),

  decide(command: ExamCommand, { answers, status }: ExamState): ExamEvent | ExamEvent[] {
    switch (command.type) {
      case 'Answer':
        if (status !== 'open') throw new DomainError('handed-in', 'The exam has been handed in')
        return answers[command.data.question] === command.data.answer ? [] : { type: 'QuestionAnswered', data: command.data }
      case 'HandIn':
        if (status !== 'open') throw new DomainError('handed-in', 'The exam has been handed in')
        return { type: 'ExamHandedIn', data: { answers: { ...answers } } }
      case 'Grade': {
        if (status !== 'handed-in') throw new DomainError('not-handed-in', 'Only an exam that was handed in is graded')
        const { points, of } = command.data
        return points * 2 >= of ? { type: 'ExamPassed', data: { points, of } } : { type: 'ExamFailed', data: { points, of } }
      }
      case 'Annul':
        return status === 'annulled' ? [] : { type: 'ExamAnnulled', data: command.data }
    }
  },

  evolve(state: ExamState, event: ExamEvent): ExamState {
    switch (event.type) {
      case 'QuestionAnswered':
        return { ...state, answers: { ...state.answers, [event.data.question]: event.data.answer } }
      case 'ExamHandedIn':
        // What was handed in counts, whatever another device answered meanwhile.
        return { answers: event.data.answers, status: 'handed-in' }
      case 'ExamPassed':
        return { ...state, status: 'passed' }
      case 'ExamFailed':
        return { ...state, status: 'failed' }
      case 'ExamAnnulled':
        return { ...state, status: 'annulled' }
    }
  },

  policies: { HandIn: 'keep' },
})
