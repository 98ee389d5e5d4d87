/** A course in the catalogue, `course-<id>`: what there is to learn. */
import { aggregate, DomainError } from 'tidelog'

export interface Lesson {
  readonly id: string
  readonly title: string
  readonly minutes: number
}

export type CourseCommand =
  | { type: 'PublishCourse'; data: { title: string; lessons: Lesson[] } }
  | { type: 'AddLesson'; data: Lesson }
  | { type: 'CloseCourse' }

export type CourseEvent =
  | { type: 'CoursePublished'; data: { title: string; lessons: Lesson[] } }
  | { type: 'LessonAdded'; data: Lesson }
  | { type: 'CourseClosed' }

export interface CourseState {
  readonly title: string
  readonly lessons: readonly Lesson[]
  readonly open: boolean
}

export const course = aggregate({
  name: 'course',
  initialState: (): CourseState => ({ title: '', lessons: [], open: false }),

  decide(command: CourseCommand, state: CourseState): CourseEvent[] {
    switch (command.type) {
      case 'PublishCourse':
        if (state.lessons.length > 0) throw new DomainError('already-published', 'The course has been published already')
        if (command.data.lessons.length === 0) throw new DomainError('no-lessons', 'A course has at least one lesson')
        // It is recorded in the newest shape that upcasters.ts leads to.
        return [{ type: 'CoursePublished', data: command.data }]
      case 'AddLesson':
        if (!state.open) throw new DomainError('closed', 'The course is not open')
        return state.lessons.some(({ id }) => id === command.data.id) ? [] : [{ type: 'LessonAdded', data: command.data }]
      case 'CloseCourse':
        return state.open ? [{ type: 'CourseClosed' }] : []
    }
  },

  evolve(state: CourseState, event: CourseEvent): CourseState {
    switch (event.type) {
      case 'CoursePublished':
        return { ...event.data, open: true }
      case 'LessonAdded':
        return { ...state, lessons: [...state.lessons, event.data] }
      case 'CourseClosed':
        return { ...state, open: false }
    }
  },
})
