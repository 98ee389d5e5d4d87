/** The shapes that events had in earlier years, read as today's. The log itself stays as it was written. */
import { upcaster } from 'tidelog'
import type { Lesson } from './domain/course.js'

export const upcasters = [
  // Courses used to list titles only: an id and a length were not asked for then.
  upcaster({
    type: 'CoursePublished',
    from: 1,
    upcast: ({ data }) => {
      const { title, lessons } = data as { title: string; lessons: string[] }
      return { data: { title, lessons: lessons.map((title): Lesson => ({ id: title.toLowerCase(), title, minutes: 30 })) } }
    },
  }),
  // An event that was renamed, and its field with it. Steps run inside the wasm and know the way back.
  upcaster({
    type: 'LessonDone',
    from: 1,
    into: 'LessonCompleted',
    steps: [
      { rename: 'unit', to: 'lesson' },
      { add: 'minutes', value: 0 },
    ],
  }),
]
