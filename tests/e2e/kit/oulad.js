/** The data set on disk, and the weighted scores computed from its files without any event. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The files that are read. */
export const files = ['assessments', 'studentRegistration', 'studentAssessment']

/** A folder does not hold the data set. */
export class NoData extends Error {
  name = 'NoData'
}

/** The texts of the files in a folder. */
export function readData(folder) {
  return Object.fromEntries(
    files.map((name) => {
      try {
        return [name, readFileSync(join(folder, `${name}.csv`), 'utf8')]
      } catch (error) {
        throw new NoData(`${join(folder, `${name}.csv`)} can't be read: ${error.message}`)
      }
    }),
  )
}

/** The modules in the data. */
export const modulesIn = ({ assessments }) => [...new Set(lines(assessments).map(([module]) => module))]

const lines = (text) => text.trim().split(/\r?\n/).slice(1).map((line) => line.split(','))

/**
 * Straight from the files: per enrolment (`AAA-2013J-11391`) the sum of weight times score over its submissions, how many there are,
 * how many without a score, how many banked, and whether the learner left. Also how many rows become events.
 */
export function scoresFromFiles({ assessments, studentRegistration, studentAssessment }, modules) {
  const rows = new Map()
  let events = 0
  for (const [module, presentation, learner, , left] of lines(studentRegistration)) {
    if (modules && !modules.includes(module)) continue
    rows.set(`${module}-${presentation}-${learner}`, { points: 0, submitted: 0, unscored: 0, banked: 0, left: left !== '?' })
    events += left === '?' ? 1 : 2
  }
  const works = new Map(lines(assessments).map(([module, presentation, id, , , weight]) => [id, { module, presentation, weight: Number(weight) }]))
  for (const [id, learner, , banked, score] of lines(studentAssessment)) {
    const { module, presentation, weight } = works.get(id)
    const row = rows.get(`${module}-${presentation}-${learner}`)
    if (!row) continue
    if (score === '' || score === '?') row.unscored++
    else row.points += weight * Number(score)
    row.submitted++
    row.banked += Number(banked)
    events++
  }
  return { rows, events }
}

/** The rows of the projection are the rows from the files, every one. */
export function assertSameScores(projected, { rows }) {
  const seen = new Map(projected)
  assert.equal(seen.size, projected.length, 'an enrolment has two rows')
  for (const [enrolment, row] of rows) assert.deepEqual(seen.get(enrolment), row, `the score of ${enrolment}`)
  assert.equal(seen.size, rows.size, 'there are rows of nobody')
}
