import { describe, expect, test } from 'vitest'
import type { RowsDifference } from 'tidelog'
import type { Learner } from '../src/domain'
import { untilEndOf } from '../src/log/moment'
import { classChange, fieldName, fieldValue, mostChanged } from '../src/teacher/since'
import { recorded } from './given'

const learner = (name: string, submissions: number, unregistered: number | null = null): Learner => ({
  learner: name,
  registered: 0,
  unregistered,
  submissions: Object.fromEntries(
    Array.from({ length: submissions }, (_, index) => [String(index), { day: index, score: 50, banked: false }]),
  ),
  hundredths: submissions * 1_000,
})
const rows = (all: [before: Learner | undefined, after: Learner | undefined][]): RowsDifference<Learner> => ({
  rows: all.map(([before, after]) => ({ key: `AAA-2013J-${(after ?? before)?.learner}`, before, after, changes: [] })),
  events: [],
  total: 0,
})

describe('what became of a class', () => {
  const since = rows([
    [learner('1', 1), learner('1', 3)],
    [undefined, learner('2', 1)],
    [learner('3', 2), learner('3', 2, 40)],
    [learner('4', 1, 10), learner('4', 1, 10)],
  ])

  test('is counted', () => {
    expect(classChange(since)).toEqual({ joined: 1, left: 1, submissions: 3 })
    expect(classChange(rows([]))).toEqual({ joined: 0, left: 0, submissions: 0 })
  })

  test('is told by those whose score moved furthest', () => {
    const told = mostChanged(since, 3).map(({ learner, before, after, submissions, left }) => ({ learner, before, after, submissions, left }))
    expect(told).toEqual([
      { learner: '1', before: 10, after: 30, submissions: 2, left: false },
      { learner: '2', before: 0, after: 10, submissions: 1, left: false },
      { learner: '3', before: 20, after: 20, submissions: 0, left: true },
    ])
  })
})

test.each([
  ['', 'everything'],
  ['/hundredths', 'hundredths'],
  ['/submissions/1752/score', 'submissions › 1752 › score'],
  ['/a~1b/~0', 'a/b › ~'],
])('the field %s is shown as %s', (path, shown) => expect(fieldName(path)).toBe(shown))

test('values are shown short', () => {
  expect(fieldValue(undefined)).toBe('nothing')
  expect(fieldValue('l1')).toBe('l1')
  expect(fieldValue({ day: 3, score: null })).toBe('{"day":3,"score":null}')
  expect(fieldValue('x'.repeat(80))).toHaveLength(60)
})

describe('the end of a day', () => {
  const on = (day: string, version: number) => {
    const event = recorded('course-tides-mira', version, { type: 'LessonCompleted', data: { lesson: `l${version}` } })
    return { ...event, metadata: { ...event.metadata, occurredAt: Date.parse(`${day}T18:00Z`) } }
  }
  const log = [on('2014-03-01', 1), on('2014-03-03', 2), on('2014-03-03', 3), on('2014-03-05', 4)]

  test.each([
    ['2014-02-28', 0],
    ['2014-03-01', 1],
    ['2014-03-03', 3],
    ['2014-03-04', 3],
    ['2020-01-01', 4],
  ])('%s comes after %i events', (day, count) => expect(untilEndOf(day, log)).toBe(count))
})
