import { aggregate, DomainError } from 'tidelog'

/** A piece of assessed work, with what is needed to judge it: its kind, the day it was due and its weight. */
export interface Assessment {
  /** The number of the assessment in the data set. */
  assessment: string
  /** `TMA` tutor-marked, `CMA` computer-marked, or `Exam`. */
  kind: string
  /** The day it was due, counted from the start of the presentation; null: its last week. */
  due: number | null
  /** Its share of the final score, in per cent. */
  weight: number
}

export interface Submission extends Assessment {
  /** The day it was submitted, counted from the start of the presentation; negative before it. */
  day: number
  /** From 0 to 100; null if it was never scored. */
  score: number | null
  /** Carried over from an earlier presentation. */
  banked: boolean
}

export interface Registration {
  /** The module, such as `AAA`. */
  module: string
  /** The presentation, such as `2013J`. */
  presentation: string
  /** The learner's number. */
  learner: string
  /** The day of registration; null if the data set does not say. */
  day: number | null
}

export type EnrolmentCommand =
  | { type: 'Register'; data: Registration }
  | { type: 'SubmitAssessment'; data: Submission }
  | { type: 'Unregister'; data: { day: number } }

export type EnrolmentEvent =
  | { type: 'Registered'; data: Registration }
  | { type: 'AssessmentSubmitted'; data: Submission }
  | { type: 'Unregistered'; data: { day: number } }

export interface EnrolmentState {
  registered: boolean
  /** The day the learner left; null while enrolled. */
  unregistered: number | null
  submitted: readonly string[]
}

/** One learner's enrolment in one presentation of one module. Its id: `AAA-2013J-11391`. */
export const enrolment = aggregate({
  name: 'enrolment',
  initialState: (): EnrolmentState => ({ registered: false, unregistered: null, submitted: [] }),
  decide(command: EnrolmentCommand, state: EnrolmentState): EnrolmentEvent[] {
    if (command.type === 'Register') {
      if (state.registered) throw new DomainError('already-registered', 'this learner is registered already')
      return [{ type: 'Registered', data: command.data }]
    }
    if (!state.registered) throw new DomainError('not-registered', 'this learner is not registered')
    if (command.type === 'Unregister') {
      if (state.unregistered !== null) throw new DomainError('already-unregistered', 'this learner has left already')
      return [{ type: 'Unregistered', data: command.data }]
    }
    const { assessment, score } = command.data
    if (state.submitted.includes(assessment)) {
      throw new DomainError('already-submitted', `assessment ${assessment} is submitted already`)
    }
    if (score !== null && !(score >= 0 && score <= 100)) {
      throw new DomainError('score-out-of-range', `a score of ${score} is not within 0 to 100`)
    }
    return [{ type: 'AssessmentSubmitted', data: command.data }]
  },
  evolve(state: EnrolmentState, event: EnrolmentEvent): EnrolmentState {
    switch (event.type) {
      case 'Registered':
        return { ...state, registered: true }
      case 'AssessmentSubmitted':
        return { ...state, submitted: [...state.submitted, event.data.assessment] }
      case 'Unregistered':
        return { ...state, unregistered: event.data.day }
    }
  },
})
