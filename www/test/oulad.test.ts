import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { AnyEvent } from 'tidelog'
import { assessments, completion, enrolment, foldRows, foldState, learners, quantile, weightedScore } from '../src/domain'
import { enrolmentCommits, enrolmentsIn, startOf } from '../src/import/oulad'
import { uuidOf } from '../src/import/uuid'
import { recorded } from './given'

const file = (name: string): string => readFileSync(new URL(`../data/aaa-2013j/${name}.csv`, import.meta.url), 'utf8')
const files = {
  assessments: file('assessments'),
  studentRegistration: file('studentRegistration'),
  studentAssessment: file('studentAssessment'),
}
const commits = enrolmentCommits(files)
const events = commits.map(({ stream, events: [event], expectedVersion }) =>
  recorded(stream, Number(expectedVersion) + 1, event as AnyEvent & { occurredAt: number; id: string }),
)

describe('the records of AAA 2013J', () => {
  test('all rows become events, one stream per enrolment', () => {
    expect(enrolmentsIn(commits)).toBe(383)
    expect(events.filter(({ type }) => type === 'Registered')).toHaveLength(383)
    expect(events.filter(({ type }) => type === 'AssessmentSubmitted')).toHaveLength(1633)
    expect(events.filter(({ type }) => type === 'Unregistered')).toHaveLength(60)
  })

  test('each stream begins with the registration, goes on by the day and ends with the leaving', () => {
    const streams = grouped(events)
    for (const stream of streams.values()) {
      expect(stream.map(({ version }) => version)).toEqual(stream.map((_, index) => index + 1))
      expect(stream[0]?.type).toBe('Registered')
      expect(stream.slice(1).findIndex(({ type }) => type === 'Registered')).toBe(-1)
      const left = stream.findIndex(({ type }) => type === 'Unregistered')
      if (left >= 0) expect(left).toBe(stream.length - 1)
      const days = stream.filter(({ type }) => type === 'AssessmentSubmitted').map(({ data }) => (data as { day: number }).day)
      expect(days).toEqual([...days].sort((a, b) => a - b))
      expect(foldState(enrolment, stream).registered).toBe(true)
    }
  })

  test('identities are the same every time, and all different', () => {
    expect(enrolmentCommits(files)).toEqual(commits)
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length)
    expect(uuidOf('a')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  test('the log reads in the order of time', () => {
    const times = commits.map(({ events: [event] }) => (event as { occurredAt: number }).occurredAt)
    const jumps = times.filter((time, index) => index > 0 && time < (times[index - 1] ?? 0))
    expect(jumps).toHaveLength(0)
    expect(new Date(startOf('2013J')).toISOString()).toBe('2013-10-01T00:00:00.000Z')
  })

  test('the weighted score of every learner equals the one computed from the rows', () => {
    const rows = foldRows(learners, events)
    const weights = new Map(lines(files.assessments).map(([, , id, kind, , weight]) => [id, kind === 'Exam' ? 0 : Number(weight)]))
    const expected = new Map(lines(files.studentRegistration).map(([, , learner]) => [learner, 0]))
    for (const [assessment, learner, , , score] of lines(files.studentAssessment)) {
      const points = score === '?' ? 0 : Number(score) * (weights.get(assessment) ?? 0)
      expected.set(learner, (expected.get(learner) ?? 0) + points)
    }
    expect(rows.size).toBe(383)
    for (const row of rows.values()) expect(weightedScore(row)).toBe((expected.get(row.learner) ?? 0) / 100)
    expect(weightedScore(rows.get('AAA-2013J-11391')!)).toBeCloseTo(82.4)
  })

  test('the assessments count every submission once', () => {
    const rows = foldRows(assessments, events)
    const everyone = [...foldRows(learners, events).values()]
    expect([...rows].map(([key, { submitted }]) => [key, submitted]).sort()).toEqual([
      ['AAA-2013J-1752', 359],
      ['AAA-2013J-1753', 342],
      ['AAA-2013J-1754', 331],
      ['AAA-2013J-1755', 303],
      ['AAA-2013J-1756', 298],
    ])
    for (const row of rows.values()) {
      const { inTime, late, open, missing, gone } = completion(row, everyone)
      expect(inTime + late).toBe(row.submitted)
      expect(late).toBe(row.late)
      expect(open).toBe(0)
      expect(inTime + late + missing + gone).toBe(383)
      expect(quantile(row.scores, 0.5)).toBeGreaterThan(60)
    }
  })

  test('before its day an assessment is open, not missing', () => {
    const [first] = foldRows(assessments, events).values()
    const nobody = [{ learner: '1', registered: 0, unregistered: null, submissions: {}, hundredths: 0 }]
    expect(completion(first!, nobody, 10)).toEqual({ inTime: 0, late: 0, open: 1, missing: 0, gone: 0 })
    expect(completion(first!, nobody, 19)).toMatchObject({ open: 1, missing: 0 })
    expect(completion(first!, nobody, 20)).toMatchObject({ open: 0, missing: 1 })
    expect(completion(first!, nobody)).toEqual({ inTime: 0, late: 0, open: 0, missing: 1, gone: 0 })
  })
})

const lines = (text: string): string[][] =>
  text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(','))

function grouped<Item extends { stream: string }>(items: readonly Item[]): Map<string, Item[]> {
  const groups = new Map<string, Item[]>()
  for (const item of items) groups.set(item.stream, [...(groups.get(item.stream) ?? []), item])
  return groups
}
