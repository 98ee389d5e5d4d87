import { aggregate, DomainError } from 'tidelog'

/** The choice made per question; a question not answered has no entry. */
export type Answers = Readonly<Record<string, string>>

export type ExamCommand =
  { type: 'AnswerQuestion'; data: { question: string; choice: string } } | { type: 'HandIn'; data: Record<string, never> }

export type ExamEvent =
  { type: 'QuestionAnswered'; data: { question: string; choice: string } } | { type: 'ExamHandedIn'; data: { answers: Answers } }

export interface ExamState {
  /** The answers so far; after the hand-in, the answers as they were handed in. */
  answers: Answers
  /** Binding from then on. */
  handedIn: boolean
  /** How often it was handed in after the first time, on devices that did not know of each other. The first counts. */
  laterHandIns: number
}

/** One learner's exam: answers may change until it is handed in, and never after. */
export const exam = aggregate({
  name: 'exam',
  initialState: (): ExamState => ({ answers: {}, handedIn: false, laterHandIns: 0 }),
  // Handing in is a binding fact: what the learner saw and signed stays as it was, whatever another device did before.
  policies: { HandIn: 'keep' },
  decide(command: ExamCommand, state: ExamState): ExamEvent[] {
    if (state.handedIn) throw new DomainError('exam-handed-in', 'the exam is handed in and can no longer be changed')
    switch (command.type) {
      case 'AnswerQuestion': {
        const { question, choice } = command.data
        // The same answer again adds nothing to the story.
        return state.answers[question] === choice ? [] : [{ type: 'QuestionAnswered', data: { question, choice } }]
      }
      case 'HandIn':
        if (Object.keys(state.answers).length === 0) {
          throw new DomainError('exam-empty', 'an exam without a single answer cannot be handed in')
        }
        // The fact carries the answers as seen, so that no later arrival can change what was signed.
        return [{ type: 'ExamHandedIn', data: { answers: state.answers } }]
    }
  },
  evolve(state: ExamState, event: ExamEvent): ExamState {
    switch (event.type) {
      case 'QuestionAnswered':
        return state.handedIn ? state : { ...state, answers: { ...state.answers, [event.data.question]: event.data.choice } }
      case 'ExamHandedIn':
        return state.handedIn
          ? { ...state, laterHandIns: state.laterHandIns + 1 }
          : { ...state, handedIn: true, answers: event.data.answers }
    }
  },
})
