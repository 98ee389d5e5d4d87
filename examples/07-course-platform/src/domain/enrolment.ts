/** A learner's way through a course, `enrolment-<learner>.<course>`. It knows the lessons that it was made with. */
import { aggregate, DomainError } from 'tidelog'

export type EnrolmentCommand =
  | { type: 'Enrol'; data: { learner: string; course: string; lessons: string[] } }
  | { type: 'CompleteLesson'; data: { lesson: string; minutes: number } }
  | { type: 'Withdraw'; data: { reason: string } }

export type EnrolmentEvent =
  | { type: 'LearnerEnrolled'; data: { learner: string; course: string; lessons: string[] } }
  | { type: 'LessonCompleted'; data: { lesson: string; minutes: number } }
  | { type: 'LessonsFinished'; data: { learner: string; course: string } }
  | { type: 'LearnerWithdrew'; data: { reason: string } }

export interface EnrolmentState {
  readonly learner: string
  readonly course: string
  readonly lessons: readonly string[]
  readonly completed: readonly string[]
  readonly withdrawn: boolean
}

/** The name of an enrolment's, an exam's or a certificate's instance. */
export const of = (learner: string, course: string): string => `${learner}.${course}`

export const enrolment = aggregate({
  name: 'enrolment',
  initialState: (): EnrolmentState => ({ learner: '', course: '', lessons: [], completed: [], withdrawn: false }),

  decide(command: EnrolmentCommand, state: EnrolmentState): EnrolmentEvent[] {
    switch (command.type) {
      case 'Enrol':
        if (state.lessons.length > 0) throw new DomainError('already-enrolled', `${state.learner} is enrolled already`)
        return [{ type: 'LearnerEnrolled', data: command.data }]
      case 'CompleteLesson': {
        const { lesson } = command.data
        if (state.withdrawn) throw new DomainError('withdrawn', `${state.learner} has withdrawn`)
        if (!state.lessons.includes(lesson)) throw new DomainError('no-such-lesson', `There is no lesson ${lesson}`)
        // On both devices? Then it is done: nothing to say, and nothing to refuse.
        if (state.completed.includes(lesson)) return []
        const completed: EnrolmentEvent = { type: 'LessonCompleted', data: command.data }
        const last = state.completed.length + 1 === state.lessons.length
        return last ? [completed, { type: 'LessonsFinished', data: { learner: state.learner, course: state.course } }] : [completed]
      }
      case 'Withdraw':
        return state.withdrawn ? [] : [{ type: 'LearnerWithdrew', data: command.data }]
    }
  },

  evolve(state: EnrolmentState, event: EnrolmentEvent): EnrolmentState {
    switch (event.type) {
      case 'LearnerEnrolled':
        return { ...state, ...event.data }
      case 'LessonCompleted':
        return { ...state, completed: [...state.completed, event.data.lesson] }
      case 'LessonsFinished':
        return state
      case 'LearnerWithdrew':
        return { ...state, withdrawn: true }
    }
  },
})
