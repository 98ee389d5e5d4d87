/** Plays scenarios. */
import { isTidelogError } from '../../src/index.js'
import { differences, Kept, stepKeys, type Json, type Scenario, type Step } from './script.js'
import { verbs, worldVerbs } from './verbs.js'
import { Stage } from './verbs/verb.js'
import { World, type Ground } from './world.js'

/** The longest that something may take which is `eventually` so, in milliseconds. */
const patience = 30_000

/** Plays a scenario; throws at the first step that is not as it says. */
export async function play(ground: Ground, { server = false, domain = 'course', steps }: Scenario): Promise<void> {
  const world = new World(ground, server, domain)
  const kept = new Kept()
  try {
    for (const [index, step] of steps.entries()) {
      const where = `step ${index + 1} (${step.do})`
      for (const start = Date.now(); ; await world.idle()) {
        const why = await attempt(world, kept, step)
        if (why === undefined) break
        if (!step.eventually || Date.now() - start > patience) throw new Error(`${where}: ${why.message}`, { cause: why.cause })
      }
    }
  } finally {
    world.end()
  }
}

/** Plays a step; gives what is not as it says. */
async function attempt(world: World, kept: Kept, step: Step): Promise<Error | undefined> {
  const verb = worldVerbs[step.do] ?? verbs[step.do]
  if (!verb) return new Error('there is no such verb')
  const given = Object.fromEntries(Object.entries(step).filter(([key]) => !(stepKeys as readonly string[]).includes(key)))
  const unknown = Object.keys(given).find((key) => !verb.takes.includes(key))
  if (unknown !== undefined) return new Error(`unknown argument ${unknown}`)
  const answer = await run(world, kept.resolve(given) as Record<string, Json>, step)
  let actual: unknown
  if ('failed' in answer) {
    if (!('fails' in step) || !isTidelogError(answer.failed)) return new Error(`it failed: ${String(answer.failed)}`, { cause: answer.failed })
    const { code, message, details } = answer.failed
    actual = { code, message, detail: (details as { detail?: string }).detail }
  } else {
    if ('fails' in step) return new Error(`it did not fail, but answered ${JSON.stringify(answer.given)}`)
    actual = answer.given
  }
  const expected = step['fails'] ?? step['gives']
  const found = expected === undefined ? [] : differences(kept.resolve(expected), actual)
  if (found.length > 0) return new Error(found.join('\n  '))
  if (step.as !== undefined) kept.keep(step.as, actual)
  return undefined
}

async function run(world: World, given: Record<string, Json>, step: Step): Promise<{ given: unknown } | { failed: unknown }> {
  const on = step.on ?? 'device'
  try {
    if (Object.hasOwn(worldVerbs, step.do)) return { given: await worldVerbs[step.do]!.run(world, on, given) }
    const { tidelog, parts } = await world.device(on)
    return { given: await verbs[step.do]!.run(tidelog, given, new Stage(world, parts)) }
  } catch (failed) {
    return { failed }
  }
}
