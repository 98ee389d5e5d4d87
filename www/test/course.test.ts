import { describe, test } from 'vitest'
import { course } from '../src/domain'
import { given } from './given'

const completed = (lesson: string) => ({ type: 'LessonCompleted', data: { lesson } }) as const
const complete = (lesson: string) => ({ type: 'CompleteLesson', data: { lesson } }) as const

describe('course', () => {
  test('a lesson is completed', () => given(course).when(complete('l1')).then(completed('l1')))
  test('another one too', () => given(course, completed('l1')).when(complete('l2')).then(completed('l2')))
  test('the same one only once', () => given(course, completed('l1')).when(complete('l1')).refused('lesson-already-completed'))
})
