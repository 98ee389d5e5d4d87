/** Process managers over the real wasm, in memory. The rules themselves are tested natively; here it is that both languages agree. */
import assert from 'node:assert/strict'
import { after, it } from 'node:test'
import { isTidelogError, open, processManager, reaction, type OpenOptions, type ProcessInstance, type ProcessManager, type Tidelog, type TidelogError } from '../src/node.js'
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

/** Counts what happens to each learner, and reminds them of it; of what happens to ada, the second is too much while it is `broken`. */
function counting(): { count: ProcessManager<number>; mend: () => void } {
  let broken = true
  const count = processManager({
    name: 'count',
    initialState: 0,
    types: ['LessonDone'],
    correlate: ({ stream }: WayEvent & { stream: string }) => ({ start: stream.slice('way-'.length) }),
    evolve: (state) => state + 1,
    react(state, _, { instance }) {
      if (broken && instance === 'ada' && state === 2) throw new Error('two are too many')
      return reaction.send(inbox, instance, { type: 'Remind' })
    },
  })
  return { count, mend: () => void (broken = false) }
}

it('an instance that fails is parked while the others go on, and misses nothing', { timeout: 60_000 }, async () => {
  const errors: TidelogError[] = []
  const { count, mend } = counting()
  const log = await open({ name: 'test', storage: 'memory', aggregates: [way, inbox], processes: [count], onError: (error) => errors.push(error) })
  opened.push(log)
  await until(async () => (await log.processes.status(count)).acting)
  const parked = log.processes.observe(count, { status: 'parked' })
  const seen: string[][] = []
  const stop = parked.subscribe((value) => value && seen.push(value.map(({ id }) => id)))
  for (const learner of ['ada', 'ada', 'bob', 'ada', 'bob']) await log.execute(way, learner, { type: 'Lesson' })
  const ada = await log.processes.waitFor(count, 'ada', 'parked')
  assert.equal(ada.state, 1)
  assert.equal(ada.failure?.code, 'process-failed')
  assert.match(ada.failure.message, /two are too many/)
  const bob = await log.processes.waitFor(count, 'bob', ({ state, steps }) => state === 2 && steps.every(({ state }) => state === 'done'))
  assert.equal(bob.status, 'running')
  assert.equal((await log.processes.status(count)).trouble, undefined)
  assert.ok(errors.every((error) => isTidelogError(error, 'process-failed')) && errors.length > 0)
  assert.deepEqual(log.health().reasons.filter(({ code }) => code.startsWith('process')).map(({ code, state }) => [code, state]), [['process-stuck', 'degraded']])
  await until(() => seen.at(-1)?.[0] === 'ada')

  await assert.rejects(log.processes.retry(count, 'ada'), (error) => isTidelogError(error, 'process-failed') && /two are too many/.test(error.message))
  mend()
  await log.processes.retry(count, 'ada')
  await log.processes.waitFor(count, 'ada', ({ state, steps }) => state === 3 && steps.length === 3 && steps.every(({ state }) => state === 'done'))
  assert.equal(log.version('inbox-ada'), 3)
  await until(() => seen.at(-1)?.length === 0)
  stop()
})

it('waiting for an instance ends with it, in time, when it is given up or the log is closed', { timeout: 60_000 }, async () => {
  const log = await tidelog()
  const waiting = log.processes.waitFor(certification, 'ada', ['ended', 'compensated'])
  await log.execute(way, 'ada', { type: 'Lesson' })
  await log.execute(way, 'ada', { type: 'Leave' })
  assert.equal((await waiting).status, 'ended')
  assert.equal((await log.processes.waitFor(certification, 'ada', 'ended')).id, 'ada', 'it is so already')

  await assert.rejects(log.processes.waitFor(certification, 'ada', 'failed', { timeout: 1 }), (error) => isTidelogError(error, 'timeout') && /ada of process manager certification is ended after 1 ms/.test(error.message))
  await assert.rejects(log.processes.waitFor(certification, 'bob', 'failed', { timeout: 0 }), /bob of process manager certification has not begun/)
  const reason = new Error('given up')
  const control = new AbortController()
  const given = log.processes.waitFor(certification, 'bob', 'running', { signal: control.signal })
  control.abort(reason)
  await assert.rejects(given, reason)
  await assert.rejects(log.processes.waitFor(certification, 'bob', 'running', { signal: control.signal }), reason)
  await assert.rejects(log.processes.waitFor(certification, 'bob', 'running', { timeout: -1 }), (error) => isTidelogError(error, 'invalid-argument'))
  const never = log.processes.waitFor(certification, 'bob', 'running')
  log.close()
  await assert.rejects(never, (error) => isTidelogError(error, 'closed'))

  const without = await tidelogWithout()
  await assert.rejects(without.processes.observe(certification).ready, (error) => isTidelogError(error, 'unknown-process'))
  await assert.rejects(without.processes.waitFor(certification, 'ada', 'ended'), (error) => isTidelogError(error, 'unknown-process'))
})

async function tidelogWithout(): Promise<Tidelog> {
  const one = await open({ name: 'test', storage: 'memory', aggregates: [way] })
  opened.push(one)
  return one
}
