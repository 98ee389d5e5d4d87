import { describe, expect, test } from 'vitest'
import { mark, questions } from '../src/course/paper'
import { exam, type ExamCommand, type ExamEvent } from '../src/domain'
import { given } from './given'

const answered = (question: string, choice: string): ExamEvent => ({ type: 'QuestionAnswered', data: { question, choice } })
const answer = (question: string, choice: string): ExamCommand => ({ type: 'AnswerQuestion', data: { question, choice } })
const handIn: ExamCommand = { type: 'HandIn', data: {} }
const handedIn = (answers: Record<string, string>): ExamEvent => ({ type: 'ExamHandedIn', data: { answers } })

describe('exam', () => {
  test('an answer is recorded', () => given(exam).when(answer('q1', 'a')).then(answered('q1', 'a')))
  test('it may change', () => given(exam, answered('q1', 'a')).when(answer('q1', 'b')).then(answered('q1', 'b')))
  test('the same again adds nothing', () => given(exam, answered('q1', 'a')).when(answer('q1', 'a')).then())
  test('without an answer it cannot be handed in', () => given(exam).when(handIn).refused('exam-empty'))

  test('the hand-in carries the answers as seen', () =>
    given(exam, answered('q1', 'a'), answered('q2', 'c'), answered('q1', 'b'))
      .when(handIn)
      .then(handedIn({ q1: 'b', q2: 'c' })))

  test('after it nothing changes', () => {
    const done = given(exam, answered('q1', 'a'), handedIn({ q1: 'a' }))
    done.when(answer('q1', 'b')).refused('exam-handed-in')
    done.when(handIn).refused('exam-handed-in')
  })

  test('kept after answers that its device had not seen, the hand-in holds', () => {
    const { state } = given(exam, answered('q1', 'a'), answered('q1', 'b'), handedIn({ q1: 'a' }))
    expect(state).toEqual({ answers: { q1: 'a' }, handedIn: true, laterHandIns: 0 })
  })

  test('of two hand-ins on two devices the first counts', () => {
    const { state } = given(exam, answered('q1', 'a'), handedIn({ q1: 'a' }), handedIn({ q1: 'b' }), answered('q1', 'c'))
    expect(state).toEqual({ answers: { q1: 'a' }, handedIn: true, laterHandIns: 1 })
  })

  test('the hand-in is binding when its stream has moved', () => expect(exam.policies).toEqual({ HandIn: 'keep' }))
})

describe('paper', () => {
  test('every question has its right choice among the choices', () => {
    for (const { choices, right } of questions) expect(choices.map(({ id }) => id)).toContain(right)
  })

  test('points', () => {
    expect(mark({})).toBe(0)
    expect(mark(Object.fromEntries(questions.map(({ id, right }) => [id, right])))).toBe(100)
    expect(mark({ q1: 'b', q2: 'a' })).toBe(20)
  })
})
