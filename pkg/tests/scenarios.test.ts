/** One suite of scenarios for both languages (`tests/scenarios/README.md`), here over the npm package. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { open } from '../src/node.js'
import { play } from './scenarios/play.js'
import { differences, Kept, type Script } from './scenarios/script.js'

const folder = new URL('../../../tests/scenarios/', import.meta.url)
const files = readdirSync(folder).filter((file) => file.endsWith('.json'))
assert.ok(files.length > 0)

for (const file of files) {
  const script = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Script
  describe(`scenarios: ${script.about}`, () => {
    for (const scenario of script.scenarios) {
      const { name, stored = false } = scenario
      // what is opened again needs a browser: tests/e2e/scenarios.test.js
      if (!stored) it(name, () => play({ open, storage: 'memory', name }, scenario))
    }
  })
}

it('what counts is compared', () => {
  assert.deepEqual(differences({ a: 1, b: null, c: '$any' }, { a: 1, c: [], d: 2 }), [])
  assert.equal(differences({ a: 1, b: '$any' }, { a: '1', b: null }).length, 2)
  assert.equal(differences([1, 2], [1]).length, 1)
  assert.equal(differences([{}, {}], [{ a: 1 }, 2]).length, 1)
  assert.equal(differences(null, 0).length, 1)
  const kept = new Kept()
  kept.keep('it', { list: [{ id: 'x' }] })
  assert.deepEqual(kept.resolve({ id: ['$it.list.0.id', '$any'] }), { id: ['x', '$any'] })
  assert.throws(() => kept.resolve('$it.list.1.id'), /nothing was kept/)
})
