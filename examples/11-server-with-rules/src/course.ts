/** The rules of a course: the same file on the devices and on the server. */
import { aggregate, DomainError } from 'tidelog'

export type CompleteLesson = { type: 'CompleteLesson'; data: { lesson: string } }
export type LessonCompleted = { type: 'LessonCompleted'; data: { lesson: string } }

export const course = aggregate({
  name: 'course',
  initialState: { lessons: [] as readonly string[] },
  decide({ data }: CompleteLesson, { lessons }): LessonCompleted[] {
    if (lessons.includes(data.lesson)) throw new DomainError('completed', `lesson ${data.lesson} is completed already`)
    return [{ type: 'LessonCompleted', data }]
  },
  evolve: ({ lessons }, { data }: LessonCompleted) => ({ lessons: [...lessons, data.lesson] }),
})

export const complete = (lesson: string): CompleteLesson => ({ type: 'CompleteLesson', data: { lesson } })
