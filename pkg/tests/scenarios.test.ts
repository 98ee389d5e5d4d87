/** One suite of scenarios for both languages (`tests/scenarios/README.md`), here over the npm package. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { isTidelogError } from '../src/index.js'
import { differences, Kept, stepKeys, type Json, type Script, type Step } from './scenarios/script.js'
import { verbs } from './scenarios/verbs.js'
import { World } from './scenarios/world.js'

const folder = new URL('../../../tests/scenarios/', import.meta.url)
const files = readdirSync(folder).filter((file) => file.endsWith('.json'))
assert.ok(files.length > 0)

for (const file of files) {
  const script = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Script
  describe(`scenarios: ${script.about}`, () => {
    for (const { name, server = false, domain = 'course', steps } of script.scenarios) {
      it(name, async () => {
        const world = new World(server, domain)
        const kept = new Kept()
        try {
          for (const [index, step] of steps.entries()) await play(world, kept, step, `step ${index + 1} (${step.do})`)
        } finally {
          world.end()
        }
      })
    }
  })
}

async function play(world: World, kept: Kept, step: Step, where: string): Promise<void> {
  const verb = verbs[step.do]
  if (!verb) assert.fail(`${where}: there is no verb ${step.do}`)
  const given = Object.fromEntries(Object.entries(step).filter(([key]) => !(stepKeys as readonly string[]).includes(key)))
  for (const key of Object.keys(given)) assert.ok(verb.takes.includes(key), `${where}: unknown argument ${key}`)
  const answer = await outcome(world, verb, kept.resolve(given) as Record<string, Json>, step)
  if ('failed' in answer) {
    if (!('fails' in step) || !isTidelogError(answer.failed)) throw new Error(`${where} failed`, { cause: answer.failed })
    const { code, message, details } = answer.failed
    check(kept, step['fails'], { code, message, detail: (details as { detail?: string }).detail }, where)
    return
  }
  if ('fails' in step) assert.fail(`${where}: did not fail, but answered ${JSON.stringify(answer.given)}`)
  if ('gives' in step) check(kept, step['gives'], answer.given, where)
  if (step.as !== undefined) kept.keep(step.as, answer.given)
}

async function outcome(world: World, verb: (typeof verbs)[string], given: Record<string, Json>, step: Step): Promise<{ given: unknown } | { failed: unknown }> {
  const device = await world.device(step.on ?? 'device')
  try {
    return { given: await verb.run(device, given, world) }
  } catch (failed) {
    return { failed }
  }
}

function check(kept: Kept, expected: Json, actual: unknown, where: string): void {
  const found = differences(kept.resolve(expected), actual)
  assert.equal(found.length, 0, `${where}:\n  ${found.join('\n  ')}`)
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
