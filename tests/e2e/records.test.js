/** Real learning records, every row of two presentations: in, to the server, out on a fresh device, and the sums come out right. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { importRecords } from './kit/import.js'
import { assertSameScores, readData, scoresFromFiles } from './kit/oulad.js'
import { inRepository } from './kit/places.js'
import { scratch } from './kit/scratch.js'

test('the records of AAA 2013J and 2014J reach a second device, and every weighted score is right', { timeout: 180_000 }, async (test) => {
  const data = inRepository('tests/data/oulad')
  const expected = scoresFromFiles(readData(data), ['AAA'])
  assert.equal(expected.rows.size, 748)
  assert.equal(expected.events, 748 + 3_149 + 126)
  const { total, rows, logs, ...figures } = await importRecords({ folder: scratch(test), data, modules: ['AAA'] })
  assert.equal(total, expected.events)
  assert.deepEqual(logs, { events: total, differing: [] })
  assertSameScores(rows, expected)
  for (const leg of ['append', 'push', 'pull', 'rebuild']) {
    test.diagnostic(`${leg}: ${Math.round(figures[leg])} ms, ${Math.round((total / figures[leg]) * 1_000)} events/s`)
  }
})
