import type { Outcome } from 'tidelog'
import { describe, expect, test } from 'vitest'
import { commandWords, obstacle, outcomeWords, reasonWords, type Command } from '../src/device/words'
import type { CourseEvent, ExamEvent } from '../src/domain'
import { recorded } from './given'

const handIn: Command = { type: 'HandIn', data: {} }
const answer: Command = { type: 'AnswerQuestion', data: { question: 'q1', choice: 'b' } }

describe('what a command did', () => {
  test.each<[Command | undefined, string]>([
    [{ type: 'CompleteLesson', data: { lesson: 'l3' } }, 'Completed “Springs and neaps”'],
    [{ type: 'CompleteLesson', data: { lesson: 'of another course' } }, 'Completed “of another course”'],
    [answer, 'Answered question 1: About 18:35'],
    [handIn, 'Handed in the exam'],
    [undefined, 'A record'],
  ])('%j', (command, words) => expect(commandWords(command)).toBe(words))
})

describe('what became of it', () => {
  const rebased: Outcome = { status: 'rebased', version: 3, position: 9, generation: 1, events: [] }
  const rejected = (code: string, detail?: string): Outcome => ({
    status: 'rejected',
    reason: { code, message: 'the exam is closed', ...(detail === undefined ? {} : { detail }) },
  })

  test.each<[Outcome, Command, string]>([
    [{ status: 'confirmed', version: 1, position: 1 }, handIn, 'The server has it.'],
    [rebased, handIn, 'Your phone had been at the exam first. It counts just as you handed it in.'],
    [rebased, answer, 'Your phone had been here first. Yours comes after, and counts.'],
    [{ status: 'duplicate', version: 3, position: 9, events: [] }, answer, 'Your phone had recorded the same already. Nothing to add.'],
    [{ status: 'absorbed' }, answer, 'Your phone had recorded the same already. Nothing to add.'],
    [rejected('domain', 'exam-handed-in'), answer, 'Your phone had already handed in the exam, so this was not counted.'],
    [rejected('domain', 'lesson-already-completed'), handIn, 'Your phone had already completed this lesson. It counts once.'],
    [rejected('builds-on-rejected'), answer, 'It builds on a step that was not accepted.'],
    [rejected('server', 'urn:tidelog:problem:invalid-commit'), answer, 'The server did not accept it: the exam is closed'],
    [rejected('something new'), answer, 'It was not accepted: the exam is closed'],
  ])('%j', (outcome, command, words) => expect(outcomeWords(outcome, command, 'Your phone')).toBe(words))

  test('a rule of the domain that has no words of its own speaks for itself', () =>
    expect(reasonWords({ code: 'domain', message: 'an exam without a single answer', detail: 'exam-empty' }, '')).toContain(
      'without',
    ))
})

describe('what was in the way', () => {
  const at = (version: number, device: string, event: CourseEvent | ExamEvent) => {
    const before = recorded<CourseEvent | ExamEvent>('exam-tides-mira', version, event)
    return { ...before, commitId: `c${version}`, metadata: { ...before.metadata, deviceId: device } }
  }
  const answered = (choice: string): ExamEvent => ({ type: 'QuestionAnswered', data: { question: 'q1', choice } })
  const handedIn: ExamEvent = { type: 'ExamHandedIn', data: { answers: {} } }
  const lesson = (id: string): CourseEvent => ({ type: 'LessonCompleted', data: { lesson: id } })

  test('the hand-in, for an answer that came too late', () => {
    const stream = [at(1, 'phone', answered('a')), at(2, 'phone', handedIn), at(3, 'phone', answered('c'))]
    expect(obstacle('mine', answer, stream, 'tablet')?.version).toBe(2)
  })

  test('the same lesson, for a lesson', () => {
    const stream = [at(1, 'phone', lesson('l1')), at(2, 'phone', lesson('l2')), at(3, 'phone', lesson('l3'))]
    expect(obstacle('mine', { type: 'CompleteLesson', data: { lesson: 'l2' } }, stream, 'tablet')?.version).toBe(2)
  })

  test('else the latest of another device before it, not what this device did itself', () => {
    const stream = [
      at(1, 'phone', answered('a')),
      at(2, 'tablet', answered('b')),
      at(3, 'tablet', handedIn),
      at(4, 'phone', answered('c')),
    ]
    expect(obstacle('c3', handIn, stream, 'tablet')?.version).toBe(1)
  })

  test('nothing, where there is nothing', () => expect(obstacle('mine', handIn, [], 'tablet')).toBeUndefined())
})
