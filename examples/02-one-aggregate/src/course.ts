/** The aggregate: a course that one learner takes. Two pure functions, and nothing that knows of storage or screens. */
import { aggregate, DomainError } from 'tidelog'

export type CourseCommand = { type: 'Enrol'; data: { lessons: string[] } } | { type: 'CompleteLesson'; data: { lesson: string } }

export type CourseEvent =
  | { type: 'Enrolled'; data: { lessons: string[] } }
  | { type: 'LessonCompleted'; data: { lesson: string } }
  | { type: 'CourseCompleted'; data: { lessons: number } }

export interface CourseState {
  readonly lessons: readonly string[]
  readonly completed: readonly string[]
  readonly finished: boolean
}

export const course = aggregate({
  name: 'course',
  initialState: (): CourseState => ({ lessons: [], completed: [], finished: false }),

  decide(command: CourseCommand, state: CourseState): CourseEvent[] {
    switch (command.type) {
      case 'Enrol': {
        if (state.lessons.length > 0) throw new DomainError('already-enrolled', 'You are enrolled already')
        return [{ type: 'Enrolled', data: command.data }]
      }
      case 'CompleteLesson': {
        const { lesson } = command.data
        if (!state.lessons.includes(lesson)) throw new DomainError('no-such-lesson', `The course has no lesson ${lesson}`)
        if (state.completed.includes(lesson)) return []
        const completed: CourseEvent = { type: 'LessonCompleted', data: { lesson } }
        const last = state.completed.length + 1 === state.lessons.length
        return last ? [completed, { type: 'CourseCompleted', data: { lessons: state.lessons.length } }] : [completed]
      }
    }
  },

  evolve(state: CourseState, event: CourseEvent): CourseState {
    switch (event.type) {
      case 'Enrolled':
        return { ...state, lessons: event.data.lessons }
      case 'LessonCompleted':
        return { ...state, completed: [...state.completed, event.data.lesson] }
      case 'CourseCompleted':
        return { ...state, finished: true }
    }
  },
})
