import type { QueuedCommit } from 'tidelog'
import { expect, test } from 'vitest'
import { standing } from '../src/device/standing'
import type { CourseEvent, ExamEvent } from '../src/domain'
import { recorded } from './given'

const streams = { course: 'course-tides-mira', exam: 'exam-tides-mira' }
const waiting = (stream: string, event: CourseEvent | ExamEvent): QueuedCommit => ({
  sequence: 1,
  commitId: 'c',
  stream,
  expectedVersion: 0,
  generation: 0,
  policy: 'redecide',
  events: [recorded(stream, 1, event)],
})
const exam = { answers: { q1: 'b', q2: 'a' }, handedIn: true, laterHandIns: 0 }

test('what waits in the queue is pending, the rest is confirmed', () => {
  const queue = [
    waiting(streams.course, { type: 'LessonCompleted', data: { lesson: 'l2' } }),
    waiting('course-tides-jonas', { type: 'LessonCompleted', data: { lesson: 'l1' } }),
    waiting(streams.exam, { type: 'QuestionAnswered', data: { question: 'q2', choice: 'a' } }),
  ]
  const { lessons, exam: paper } = standing({ completed: ['l1', 'l2'] }, exam, queue, streams)
  expect([...lessons]).toEqual([
    ['l1', 'confirmed'],
    ['l2', 'pending'],
  ])
  expect(paper).toMatchObject({ handedIn: 'confirmed', answered: 2, points: 20 })
  expect([...paper.pendingAnswers]).toEqual(['q2'])
})

test('an exam is open, handed in here, or handed in for everyone', () => {
  const here = [waiting(streams.exam, { type: 'ExamHandedIn', data: { answers: exam.answers } })]
  const course = { completed: [] }
  expect(standing(course, { ...exam, handedIn: false }, [], streams).exam.handedIn).toBeUndefined()
  expect(standing(course, exam, here, streams).exam.handedIn).toBe('pending')
  expect(standing(course, exam, [], streams).exam.handedIn).toBe('confirmed')
  // Another device's hand-in counts already; the one here comes second.
  expect(standing(course, { ...exam, laterHandIns: 1 }, here, streams).exam.handedIn).toBe('confirmed')
})
