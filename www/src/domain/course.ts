import { aggregate, DomainError } from 'tidelog'

export type CourseCommand = { type: 'CompleteLesson'; data: { lesson: string } }
export type CourseEvent = { type: 'LessonCompleted'; data: { lesson: string } }

export interface CourseState {
  /** The lessons completed, in the order they were completed. */
  completed: readonly string[]
}

/** A learner's way through the lessons. Its id names the course and the learner: `tides-mira`. */
export const course = aggregate({
  name: 'course',
  initialState: (): CourseState => ({ completed: [] }),
  decide(command: CourseCommand, state: CourseState): CourseEvent[] {
    const { lesson } = command.data
    if (state.completed.includes(lesson)) {
      throw new DomainError('lesson-already-completed', `lesson ${lesson} is completed already`)
    }
    return [{ type: 'LessonCompleted', data: { lesson } }]
  },
  // A fact that arrives twice counts once, whoever recorded it.
  evolve(state: CourseState, event: CourseEvent): CourseState {
    const { lesson } = event.data
    return state.completed.includes(lesson) ? state : { completed: [...state.completed, lesson] }
  },
})
