/** Process managers over the real wasm, in memory. The rules themselves are tested natively; here it is that both languages agree. */
import assert from 'node:assert/strict'
import { after, it } from 'node:test'
import { isTidelogError, open, processManager, reaction, type OpenOptions, type ProcessInstance, type Tidelog, type TidelogError } from '../src/node.js'
import { badge, certificate, certification, day, inbox, way, type WayEvent } from './scenarios/academy.js'

const opened: Tidelog[] = []
after(() => opened.forEach((one) => one.close()))

async function tidelog(options: Partial<OpenOptions> = {}): Promise<Tidelog> {
  const one = await open({ name: 'test', storage: 'memory', aggregates: [way, certificate, badge, inbox], processes: [certification], ...options })
  opened.push(one)
  await until(async () => (await one.processes.status(certification)).acting)
  return one
}

/** Waits for a condition; the test's own deadline says if it does not come. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5))
}

const effects = async (log: Tidelog): Promise<string[]> => {
  const all = await log.read().toArray()
  return all.filter(({ stream }) => !/^(way|certification)-/.test(stream)).map(({ stream, type }) => `${stream.split('-')[0]} ${type}`)
}

const ada = (log: Tidelog): Promise<ProcessInstance<{ lessons: number }> | undefined> => log.processes.get(certification, 'ada')

it('a completed course leads to a certificate and a badge, and an annulled exam takes them back', { timeout: 60_000 }, async () => {
  const log = await tidelog()
  const done = await log.execute(way, 'ada', { type: 'Complete' }, { actor: 'ada' })
  await until(async () => (await ada(log))?.steps.every(({ state }) => state === 'done') === true)
  assert.deepEqual(await effects(log), ['certificate Given', 'badge Given'])
  const [given] = await log.read({ stream: 'badge-ada' }).toArray()
  assert.equal(given!.metadata.causationId, done.events[0]!.id)
  assert.equal(given!.metadata.correlationId, done.events[0]!.metadata.correlationId)
  assert.equal(given!.metadata.actor, 'ada')

  await log.execute(way, 'ada', { type: 'Annul' })
  await until(async () => (await ada(log))?.status === 'compensated')
  assert.deepEqual((await effects(log)).slice(2), ['badge TakenBack', 'certificate TakenBack'])
  assert.equal((await ada(log))?.failure?.message, 'the exam was annulled')
  assert.deepEqual((await log.processes.list(certification, { status: 'running' })).length, 0)
  assert.deepEqual((await log.processes.list(certification)).map(({ id }) => id), ['ada'])
})

it('a refused step is made up for and can be tried again', { timeout: 60_000 }, async () => {
  const log = await tidelog()
  await log.execute(badge, 'ada', { type: 'Lock' })
  await log.execute(way, 'ada', { type: 'Complete' })
  await until(async () => (await ada(log))?.status === 'compensated')
  assert.deepEqual(await effects(log), ['badge Locked', 'certificate Given', 'certificate TakenBack'])
  const { code, message, command } = (await ada(log))!.failure!
  assert.deepEqual({ code, message, command }, { code: 'locked', message: 'it is locked', command: 'Give' })
  await log.execute(badge, 'ada', { type: 'Unlock' })
  await log.processes.retry(certification, 'ada')
  await until(async () => (await ada(log))?.steps.every(({ state }) => state === 'done') === true)
  assert.deepEqual((await effects(log)).slice(4), ['certificate Given', 'badge Given'])
})

it('a timeout rings when it is due, once, and not if it was put off', { timeout: 60_000 }, async () => {
  let now = Date.UTC(2026, 0, 1)
  const timers = new Set<() => void>()
  const environment: OpenOptions['environment'] = {
    now: () => now,
    after: (_, run) => {
      timers.add(run)
      return () => timers.delete(run)
    },
  }
  const log = await tidelog({ environment })
  const pass = (milliseconds: number): void => {
    now += milliseconds
    for (const run of [...timers]) run()
  }
  const due = async (): Promise<number | undefined> => (await ada(log))?.timeouts[0]?.due
  await log.execute(way, 'ada', { type: 'Lesson' })
  await until(async () => (await due()) === now + 7 * day)
  pass(6 * day)
  await log.execute(way, 'ada', { type: 'Lesson' })
  await until(async () => (await due()) === now + 7 * day)
  pass(day)
  pass(5 * day)
  assert.deepEqual(await effects(log), [])
  pass(day)
  await until(async () => (await effects(log)).length > 0)
  await until(async () => (await due()) === now + 7 * day)
  assert.deepEqual(await effects(log), ['inbox Reminded'])
  assert.deepEqual((await ada(log))?.state, { lessons: 2 })
})

it('what is wrong with a process manager is told, and nothing is lost', { timeout: 60_000 }, async () => {
  const errors: TidelogError[] = []
  let wrong: unknown = { begin: 'ada' }
  const bad = processManager({ name: 'bad', initialState: 0, correlate: (_: WayEvent) => wrong as { start: string }, react: () => [] })
  const log = await open({ name: 'test', storage: 'memory', aggregates: [way], processes: [bad], onError: (error) => errors.push(error) })
  opened.push(log)
  await until(async () => (await log.processes.status(bad)).acting)
  await log.execute(way, 'ada', { type: 'Lesson' })
  await until(() => errors.length > 0)
  assert.ok(isTidelogError(errors[0], 'process-failed'))
  assert.match(errors[0].message, /correlate LessonDone/)
  assert.equal((await log.processes.status(bad)).trouble?.code, 'process-failed')
  wrong = { start: 'ada' }
  await until(async () => (await log.processes.get(bad, 'ada')) !== undefined)
  assert.equal((await log.processes.status(bad)).trouble, undefined)

  await assert.rejects(log.processes.list(certification), (error) => isTidelogError(error, 'unknown-process'))
  await assert.rejects(open({ name: 'test', storage: 'memory', aggregates: [way], processes: [{ ...bad, name: 'way' }] }), (error) => isTidelogError(error, 'process-failed'))
  assert.throws(() => processManager({ ...bad, name: 'a-b' }), (error) => isTidelogError(error, 'invalid-argument'))
  assert.throws(() => processManager({ ...bad, react: 1 as never }), (error) => isTidelogError(error, 'invalid-argument'))
  assert.throws(() => reaction.after('', 1), (error) => isTidelogError(error, 'invalid-argument'))
  assert.throws(() => reaction.after('idle', -1), (error) => isTidelogError(error, 'invalid-argument'))
})
