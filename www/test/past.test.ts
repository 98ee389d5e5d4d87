import { describe, expect, test } from 'vitest'
import type { RecordedEvent } from 'tidelog'
import { assessments, foldRows, learners, progress } from '../src/domain'
import { Past } from '../src/log/past'
import { recorded } from './given'

const registered = (learner: number): RecordedEvent =>
  recorded(`enrolment-AAA-2013J-${learner}`, 1, {
    type: 'Registered',
    data: { module: 'AAA', presentation: '2013J', learner: String(learner), day: 0 },
  })
const lesson = (id: string, version: number): RecordedEvent =>
  recorded('course-tides-mira', version, { type: 'LessonCompleted', data: { lesson: id } })
const log = Array.from({ length: 1_000 }, (_, index) => registered(index))

describe('the past', () => {
  test.each([0, 1, 255, 256, 257, 512, 999, 1_000, 5_000])('after %i events it is what these events say', (count) => {
    const past = new Past()
    past.follow(log)
    const rows = past.at(count)
    expect(rows.learners).toEqual(foldRows(learners, log.slice(0, count)))
    expect(rows.assessments).toEqual(foldRows(assessments, log.slice(0, count)))
    expect(rows.progress).toEqual(foldRows(progress, log.slice(0, count)))
  })

  test('looking back after looking ahead changes nothing of what was', () => {
    const past = new Past()
    past.follow(log)
    past.at(900)
    expect(past.at(300).learners.size).toBe(300)
    expect(past.at(900).learners.size).toBe(900)
  })

  test('a pending end that is replaced is seen as replaced, before and after a mark', () => {
    const past = new Past()
    past.follow([...log.slice(0, 500), lesson('l1', 1), ...log.slice(500, 700)])
    expect(past.at(701).progress.get('tides-mira')?.lessons).toEqual(['l1'])
    past.follow([...log.slice(0, 500), lesson('l2', 1), ...log.slice(500, 700)])
    expect(past.at(701).progress.get('tides-mira')?.lessons).toEqual(['l2'])
    past.follow(log.slice(0, 400))
    expect(past.at(701).progress.size).toBe(0)
    expect(past.at(701).learners.size).toBe(400)
  })
})
