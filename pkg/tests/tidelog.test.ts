/** The package over the real wasm, in memory. What needs a browser is tested in one. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import {
  aggregate,
  DomainError,
  isTidelogError,
  open,
  projection,
  upcaster,
  type ErrorCode,
  type OpenOptions,
  type RecordedEvent,
  type Tidelog,
} from '../src/node.js'

type Command = { type: 'Complete'; data: { lesson: string } } | { type: 'Reset' } | { type: 'Nothing' } | { type: 'Break'; data: string }
type Event = { type: 'Completed'; data: { lesson: string } } | { type: 'WasReset' }
interface State {
  readonly lessons: readonly string[]
}

const course = aggregate({
  name: 'course',
  initialState: (): State => ({ lessons: [] }),
  decide(command: Command, state: State, context): Event | Event[] {
    switch (command.type) {
      case 'Complete':
        if (state.lessons.includes(command.data.lesson)) throw new DomainError('completed', `${command.data.lesson} is completed`)
        return { type: 'Completed', data: command.data }
      case 'Reset':
        return state.lessons.length > 0 ? [{ type: 'WasReset' }] : []
      case 'Nothing':
        return []
      case 'Break':
        return broken[command.data]!(context) as Event[]
    }
  },
  evolve(state: State, event: Event): State {
    if (event.type === 'WasReset') return { lessons: [] }
    if (event.data.lesson === 'unreadable') throw new Error('no such lesson')
    return { lessons: [...state.lessons, event.data.lesson] }
  },
  policies: { Reset: 'keep' },
})

let current: Tidelog
/** Ways for `decide` to be wrong. */
const broken: Record<string, (context: unknown) => unknown> = {
  bug: () => (undefined as unknown as { x: number }).x,
  nothing: () => undefined,
  promise: () => Promise.resolve([]),
  bigint: () => [{ type: 'Completed', data: { lesson: 1n } }],
  large: () => [{ type: 'Completed', data: { lesson: 'x'.repeat(1 << 20) } }],
  'no type': () => [{ data: 1 }],
  'long type': () => [{ type: 'x'.repeat(257) }],
  reentrant: () => current.version('course-1'),
  async: () => {
    void current.execute(course, '1', { type: 'Nothing' }).catch(() => {})
    return []
  },
}

const progress = projection({
  name: 'progress',
  from: [course],
  initial: { done: 0 },
  key: (event) => event.stream,
  on: { Completed: (row) => ({ done: row.done + 1 }), WasReset: () => null },
})

const opened: Tidelog[] = []
async function tidelog(options: Partial<OpenOptions> = {}): Promise<Tidelog> {
  current = await open({ name: 'test', storage: 'memory', aggregates: [course], projections: [progress], ...options })
  opened.push(current)
  return current
}
after(() => opened.forEach((one) => one.close()))

async function refuses(promise: Promise<unknown>, code: ErrorCode, message?: RegExp): Promise<unknown> {
  let caught: unknown
  await assert.rejects(promise, (error) => {
    caught = error
    assert.ok(isTidelogError(error, code), `${String(error)} ${JSON.stringify(error)}`)
    if (message) assert.match(error.message, message)
    return true
  })
  return caught
}
const complete = (lesson: string): Command => ({ type: 'Complete', data: { lesson } })

describe('execute and load', () => {
  it('decide, record with metadata, and evolve', async () => {
    const log = await tidelog({ actor: 'ada', environment: { now: () => 1_800_000_000_000 } })
    const receipt = await log.execute(course, 'algebra-1', complete('l1'), { traceparent: '00-1-2-00' })
    assert.equal(receipt.stream, 'course-algebra-1')
    assert.equal(receipt.version, 1)
    const [event] = receipt.events as [RecordedEvent]
    assert.deepEqual({ type: event.type, data: event.data, version: event.version, position: event.position, status: event.status }, {
      type: 'Completed',
      data: { lesson: 'l1' },
      version: 1,
      position: 1,
      status: 'confirmed',
    })
    assert.equal(event.metadata.actor, 'ada')
    assert.equal(event.metadata.occurredAt, 1_800_000_000_000)
    assert.equal(event.metadata.traceparent, '00-1-2-00')
    assert.equal(event.metadata.correlationId, receipt.commitId)
    assert.equal(event.metadata.deviceId, log.deviceId)
    assert.deepEqual(await receipt.confirmed, { status: 'confirmed', version: 1, position: 1 })
    assert.deepEqual(await log.load(course, 'algebra-1'), { state: { lessons: ['l1'] }, version: 1 })
    assert.deepEqual(await log.load(course, 'never'), { state: { lessons: [] }, version: 0 })
  })

  it('load a past version and a past moment', async () => {
    let now = 1_800_000_000_000
    const log = await tidelog({ environment: { now: () => now } })
    for (const lesson of ['l1', 'l2', 'l3']) {
      await log.execute(course, '1', complete(lesson))
      now += 1_000
    }
    assert.deepEqual((await log.load(course, '1', { at: 2 })).state.lessons, ['l1', 'l2'])
    assert.equal((await log.load(course, '1', { at: 0 })).version, 0)
    assert.equal((await log.load(course, '1', { at: new Date(1_800_000_001_500) })).version, 2)
    assert.equal((await log.load(course, '1', { knownAt: new Date(1_800_000_001_500) })).version, 2)
    await refuses(log.load(course, '1', { at: 1.5 }), 'invalid-argument')
    await refuses(log.load(course, '1', { at: 1, knownAt: new Date() }), 'invalid-argument')
    await refuses(log.load(course, '1', { at: new Date(NaN) }), 'invalid-argument')
  })

  it('a command that leads to nothing writes nothing', async () => {
    const log = await tidelog()
    const receipt = await log.execute(course, '1', { type: 'Nothing' })
    assert.equal(receipt.version, 0)
    assert.deepEqual(receipt.events, [])
    assert.deepEqual(await receipt.confirmed, { status: 'absorbed' })
    assert.deepEqual(log.streams(), [])
  })

  it('a refusal carries the code of the domain and what was thrown', async () => {
    const log = await tidelog()
    await log.execute(course, '1', complete('l1'))
    const error = await refuses(log.execute(course, '1', complete('l1')), 'refused', /^l1 is completed$/)
    assert.ok(isTidelogError(error, 'refused'))
    assert.equal(error.details.detail, 'completed')
    assert.ok(error.cause instanceof DomainError)
    assert.equal(log.version('course-1'), 1)
  })

  it('the expected version of a command is what the person saw', async () => {
    const log = await tidelog()
    await log.execute(course, '1', complete('l1'), { expectedVersion: 'none' })
    const error = await refuses(log.execute(course, '1', complete('l2'), { expectedVersion: 0 }), 'version-conflict')
    assert.ok(isTidelogError(error, 'version-conflict'))
    const { stream, expected, actual, missing } = error.details
    assert.deepEqual([stream, expected, actual, missing.map(({ type }) => type)], ['course-1', 0, 1, ['Completed']])
  })

  const bugs: [what: string, code: ErrorCode, message: RegExp][] = [
    ['bug', 'decide-failed', /TypeError/],
    ['nothing', 'decide-failed', /returned undefined instead of events/],
    ['promise', 'decide-failed', /has to be synchronous/],
    ['bigint', 'not-json', /^events\[0\]\.data\.lesson is a bigint/],
    ['large', 'too-large', /over the limit of 1048576/],
    ['no type', 'invalid-argument', /events\[0\]\.type/],
    ['long type', 'invalid-event', /257 bytes/],
    ['reentrant', 'decide-failed', /must not call the tidelog/],
  ]
  for (const [what, code, message] of bugs) {
    it(`a decide that is wrong is told from one that refuses: ${what}`, async () => {
      const log = await tidelog()
      await refuses(log.execute(course, '1', { type: 'Break', data: what }), code, message)
      assert.equal(log.version('course-1'), 0)
      await log.execute(course, '1', complete('still works'))
    })
  }

  it('a call that decide leaves running does no harm', async () => {
    const log = await tidelog()
    await log.execute(course, '1', { type: 'Break', data: 'async' })
    await log.execute(course, '1', complete('l1'))
  })

  it('an evolve that fails says where', async () => {
    const log = await tidelog()
    await log.append('course-1', ['l1', 'unreadable'].map((lesson) => ({ type: 'Completed', data: { lesson } })))
    const error = await refuses(log.load(course, '1'), 'evolve-failed', /Completed: no such lesson/)
    assert.ok(isTidelogError(error, 'evolve-failed'))
    assert.deepEqual(error.details, { aggregate: 'course', stream: 'course-1', version: 1 })
    assert.equal((await log.load(course, '1', { at: 1 })).version, 1)
  })

  it('many commands at once on one stream are decided one after the other', async () => {
    const log = await tidelog()
    const results = await Promise.allSettled(Array.from({ length: 50 }, (_, index) => log.execute(course, '1', complete(`l${index % 25}`))))
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 25)
    assert.equal(log.version('course-1'), 25)
  })
})

describe('bad input, each with its error and nothing written', () => {
  const other = aggregate({ name: 'other', initialState: 0, decide: (_command: { type: 'A' }): { type: 'B' }[] => [], evolve: (state, _event: { type: 'B' }) => state })
  const otherView = projection({ name: 'other', initial: 0, key: (_event: { type: 'B' }) => 'k', on: { B: (row) => row + 1 } })
  const cases: [name: string, run: (log: Tidelog) => Promise<unknown>, code: ErrorCode][] = [
    ['an unknown aggregate', (log) => log.execute(other, '1', { type: 'A' }), 'unknown-aggregate'],
    ['no aggregate', (log) => log.load(undefined as never, '1'), 'unknown-aggregate'],
    ['an unknown projection', (log) => log.row(otherView, 'k'), 'unknown-projection'],
    ['no id', (log) => log.execute(course, '', complete('l1')), 'invalid-argument'],
    ['a control character in the id', (log) => log.execute(course, 'a\nb', complete('l1')), 'invalid-stream'],
    ['a stream name over 512 bytes', (log) => log.execute(course, 'é'.repeat(300), complete('l1')), 'invalid-stream'],
    ['a stream name without a hyphen', (log) => log.append('course', { type: 'A' }), 'invalid-stream'],
    ['a command without a type', (log) => log.execute(course, '1', { data: 1 } as never), 'invalid-argument'],
    ['command data in a cycle', (log) => log.execute(course, '1', complete(((a: unknown[]) => (a.push(a), a))([]) as never)), 'not-json'],
    ['command data over 1 MiB', (log) => log.execute(course, '1', complete('x'.repeat(1 << 20))), 'too-large'],
    ['a command type over 256 bytes', (log) => log.execute(course, '1', { type: 'x'.repeat(257) } as never), 'decide-failed'],
    ['no events', (log) => log.append('course-1', []), 'invalid-argument'],
    ['an event type of the empty string', (log) => log.append('course-1', { type: '' }), 'invalid-argument'],
    ['a version that is no integer', (log) => log.append('course-1', { type: 'A' }, { expectedVersion: 1.5 }), 'invalid-argument'],
    ['a negative version', (log) => log.append('course-1', { type: 'A' }, { expectedVersion: -1 }), 'invalid-argument'],
    ['a policy that is none', (log) => log.append('course-1', { type: 'A' }, { policy: 'redecide' as never }), 'invalid-argument'],
    ['a correlation id that is no UUID', (log) => log.append('course-1', { type: 'A' }, { correlationId: 'x' }), 'invalid-argument'],
    ['an actor over 512 bytes', (log) => log.append('course-1', { type: 'A' }, { actor: 'x'.repeat(513) }), 'too-large'],
    ['the same event id twice', (log) => log.append('course-1', [0, 1].map(() => ({ type: 'A', id: '0190a0b0-0000-7000-8000-000000000000' }))), 'invalid-event'],
    ['a bad commit among many', (log) => log.appendAll([{ stream: 'course-1', events: [{ type: 'A' }] }, { stream: 'bad', events: [{ type: 'A' }] }]), 'invalid-argument'],
    ['a missed version among many', (log) => log.appendAll([{ stream: 'course-1', events: [{ type: 'A' }] }, { stream: 'course-2', events: [{ type: 'A' }], expectedVersion: 'exists' }]), 'version-conflict'],
    ['a range from text', async (log) => log.read({ first: '1' as never }).toArray(), 'invalid-argument'],
    ['a range from below 0', async (log) => log.read({ last: -1 }).toArray(), 'invalid-argument'],
    ['a correlation id that is none', async (log) => log.read({ correlationId: 'c' }).toArray(), 'invalid-argument'],
    ['a place that no page gave', (log) => log.read({ after: 'c-1' }).toArray(), 'invalid-argument'],
    ['a commit id that is none', (log) => log.rejected.retry('x'), 'invalid-argument'],
    ['a commit that is not rejected', (log) => log.rejected.retry('0190a0b0-0000-7000-8000-000000000000'), 'unknown-commit'],
  ]
  for (const [name, run, code] of cases) {
    it(name, async () => {
      const log = await tidelog()
      await refuses(run(log), code)
      assert.deepEqual(await log.read().toArray(), [])
    })
  }

  it('a clock in the past', async () => {
    await refuses(tidelog({ environment: { now: () => Date.parse('1970-01-02') } }), 'implausible-clock', /set the device's clock/)
    let now = Date.now()
    const log = await tidelog({ environment: { now: () => now } })
    now = 0
    await refuses(log.execute(course, '1', complete('l1')), 'implausible-clock')
    now = NaN
    await refuses(log.execute(course, '1', complete('l1')), 'implausible-clock')
  })

  it('options of open', async () => {
    const bad: unknown[] = [
      undefined,
      {},
      { name: '' },
      { name: 'x', storage: 'disk' },
      { name: 'x', durability: 'hard' },
      { name: 'x', aggregates: [course, course] },
      { name: 'x', aggregates: [{}] },
      { name: 'x', sync: { url: '' } },
    ]
    for (const options of bad) await refuses(open(options as OpenOptions), 'invalid-argument')
    await refuses(tidelog({ aggregates: [{ ...course, name: 'a-b' }] }), 'invalid-argument')
  })

  it('definitions', () => {
    const valid = { name: 'a', initialState: 0, decide: () => [], evolve: () => 0 }
    const bad: (() => unknown)[] = [
      () => aggregate({ ...valid, name: '' }),
      () => aggregate({ ...valid, name: 'a-b' }),
      () => aggregate({ ...valid, name: 'a\n' }),
      () => aggregate({ ...valid, decide: undefined as never }),
      () => aggregate({ ...valid, policies: { A: 'perhaps' } as never }),
      () => projection({ name: 'p', initial: 0, key: () => 'k', on: {} }),
      () => projection({ name: 'p', initial: 0, key: undefined as never, on: { A: () => 1 } }),
      () => upcaster({ type: '', from: 1, upcast: () => [] }),
      () => upcaster({ type: 'A', from: 0, upcast: () => [] }),
    ]
    for (const run of bad) assert.throws(run, (error) => isTidelogError(error, 'invalid-argument'))
  })
})

describe('reading', () => {
  it('pages under the hood, both ways, from a version, a position or a place', async () => {
    const log = await tidelog()
    await log.appendAll(Array.from({ length: 1_200 }, (_, index) => ({ stream: `course-${index % 2}`, events: [{ type: index % 3 ? 'Completed' : 'WasReset' }] })))
    const count = async (query: Parameters<Tidelog['read']>[0]): Promise<number> => (await log.read(query).toArray()).length
    assert.equal(await count({}), 1_200)
    assert.equal(await count({ limit: 0 }), 0)
    assert.equal(await count({ limit: 501 }), 501)
    assert.equal(await count({ types: ['WasReset'] }), 400)
    assert.equal(await count({ aggregate: course }), 1_200)
    assert.equal(await count({ aggregate: 'other' }), 0)
    const versions = async (query: Parameters<Tidelog['read']>[0]): Promise<number[]> => (await log.read(query).toArray()).map(({ version }) => version)
    assert.deepEqual(await versions({ stream: 'course-1', after: 597 }), [598, 599, 600])
    assert.deepEqual(await versions({ stream: 'course-1', after: 4, backwards: true }), [3, 2, 1])
    assert.deepEqual(await versions({ stream: 'course-1', after: 600 }), [])
    assert.deepEqual(await versions({ stream: 'course-1', after: 700 }), [])
    assert.deepEqual(await versions({ stream: 'course-1', after: 1, backwards: true }), [])
    assert.deepEqual((await log.read({ after: 1_198 }).toArray()).map(({ position }) => position), [1_199, 1_200])
    assert.deepEqual((await log.read({ after: 3, backwards: true }).toArray()).map(({ position }) => position), [2, 1])

    const first = await log.page({ limit: 700, backwards: true })
    const second = await log.page({ limit: 700, backwards: true, after: first.next! })
    assert.deepEqual([...first.events, ...second.events].map(({ position }) => position), Array.from({ length: 1_200 }, (_, index) => 1_200 - index))
    assert.equal(second.next, null)
    for await (const event of log.read()) {
      assert.equal(event.position, 1)
      break // a reader that stops early asks for no more
    }
  })

  it('a range of versions or positions, and a chain of messages', async () => {
    const log = await tidelog()
    const receipt = await log.execute(course, '1', complete('l1'))
    for (const lesson of ['l2', 'l3', 'l4']) await log.execute(course, '1', complete(lesson))
    await log.execute(course, '2', complete('l1'), { correlationId: receipt.commitId })
    const read = async (query: Parameters<Tidelog['read']>[0]): Promise<string[]> => (await log.read(query).toArray()).map(({ stream, version }) => `${stream}@${version}`)
    assert.deepEqual(await read({ stream: 'course-1', first: 2, last: 3 }), ['course-1@2', 'course-1@3'])
    assert.deepEqual(await read({ stream: 'course-1', first: 3, last: 2 }), [])
    assert.deepEqual(await read({ first: 4, backwards: true }), ['course-2@1', 'course-1@4'])
    assert.deepEqual(await read({ last: 1 }), ['course-1@1'])
    assert.deepEqual(await read({ correlationId: receipt.commitId }), ['course-1@1', 'course-2@1'])
    assert.equal(log.exists('course-2'), true)
    assert.equal(log.exists('course-3'), false)
    assert.throws(() => log.exists('course'), { code: 'invalid-stream' })
  })

  it('no more events than asked for, though an upcaster splits them', async () => {
    const split = upcaster({ type: 'Both', from: 1, into: { type: 'Completed', schemaVersion: 2 }, upcast: () => [{ type: 'Completed', schemaVersion: 2, data: { lesson: 'a' } }, { type: 'Completed', schemaVersion: 2, data: { lesson: 'b' } }] })
    const log = await tidelog({ upcasters: [split] })
    await log.append('course-1', [{ type: 'Both' }, { type: 'Both' }])
    assert.equal((await log.read({ limit: 3 }).toArray()).length, 3)
    assert.equal((await log.read({ types: ['Completed'] }).toArray()).length, 4)
  })

  it('by when it happened, with the keys of the app', async () => {
    const log = await tidelog()
    const at = (day: number): Date => new Date(Date.UTC(2030, 0, day))
    await log.append('course-1', [1, 2, 3].map((day) => ({ type: 'WasReset', occurredAt: at(day), custom: { day } })))
    const days = (await log.read({ from: at(2), to: at(3) }).toArray()).map(({ metadata }) => metadata.custom?.['day'])
    assert.deepEqual(days, [2])
  })

  it('through upcasters, on every path', async () => {
    const steps = [
      upcaster({ type: 'LessonDone', from: 1, into: { type: 'Completed', schemaVersion: 2 }, upcast: ({ data }) => ({ data: { lesson: (data as { id: string }).id } }) }),
      upcaster({ type: 'Gone', from: 1, into: [] }),
    ]
    const log = await tidelog({ upcasters: steps })
    const receipt = await log.append('course-1', [{ type: 'LessonDone', data: { id: 'l1' } }, { type: 'Gone' }])
    assert.equal(receipt.version, 2)
    assert.deepEqual((await log.load(course, '1')).state, { lessons: ['l1'] })
    assert.deepEqual(await log.row(progress, 'course-1'), { done: 1 })
    const events = await log.read().toArray()
    assert.deepEqual(events.map(({ type, schemaVersion, version }) => [type, schemaVersion, version]), [['Completed', 2, 1]])
  })

  it('an upcaster that fails says for which event', async () => {
    const log = await tidelog({ upcasters: [upcaster({ type: 'Old', from: 1, upcast: () => ({ schemaVersion: 1, data: 0 }) })] })
    await log.append('course-1', { type: 'Old', schemaVersion: 1 })
    const error = await refuses(log.read().toArray(), 'upcast-failed', /returned Old version 1, which is not among/)
    assert.ok(isTidelogError(error, 'upcast-failed'))
    assert.deepEqual(error.details, { event: 'Old', schemaVersion: 1, stream: 'course-1', version: 1 })
  })
})

describe('live values', () => {
  const settled = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  }

  it('follow the log, and keep identity where nothing changed', async () => {
    const log = await tidelog()
    const one = log.observe(course, '1')
    const rows = log.view(progress)
    const row = log.view(progress, 'course-1')
    const heard: unknown[] = []
    const stops = [one.subscribe((value) => heard.push(value?.version)), rows.subscribe(() => {}), row.subscribe(() => {})]
    assert.deepEqual(await one.ready, { state: { lessons: [] }, version: 0 })
    await log.execute(course, '1', complete('l1'))
    await log.execute(course, '2', complete('l1'))
    await settled()
    assert.deepEqual(heard, [undefined, 0, 1])
    assert.deepEqual(rows.get(), [
      ['course-1', { done: 1 }],
      ['course-2', { done: 1 }],
    ])
    const before = { one: one.get(), row: row.get(), first: rows.get()![0] }
    await log.execute(course, '2', complete('l2'))
    await settled()
    assert.equal(one.get(), before.one)
    assert.equal(row.get(), before.row)
    assert.equal(rows.get()![0], before.first)
    assert.deepEqual(rows.get()![1], ['course-2', { done: 2 }])
    await log.execute(course, '2', { type: 'Reset' })
    await settled()
    assert.deepEqual(rows.get(), [['course-1', { done: 1 }]])
    assert.equal(await log.row(progress, 'course-2'), undefined)
    stops.forEach((stop) => stop())
  })

  it('say what failed, to onError and in error', async () => {
    const errors: string[] = []
    const log = await tidelog({ onError: ({ code }) => errors.push(code) })
    await log.append('course-1', { type: 'Completed', data: { lesson: 'unreadable' } })
    const live = log.observe(course, '1')
    live.subscribe(() => {})
    await settled()
    assert.deepEqual(errors, ['evolve-failed'])
    assert.equal(live.error?.code, 'evolve-failed')
  })

  it('a projection that fails says where, and a row that JSON cannot hold is refused', async () => {
    const views = (['throws', 'returns nothing', 'bigint', 'no key'] as const).map((how) =>
      projection({
        name: how,
        initial: {},
        onError: 'stop',
        key: () => (how === 'no key' ? '' : 'k'),
        on: {
          WasReset: () => {
            if (how === 'throws') throw new Error('boom')
            return how === 'bigint' ? { n: 1n } : (undefined as never)
          },
        },
      }),
    )
    const told: string[] = []
    const log = await tidelog({ projections: views, onError: (error) => told.push(error.message) })
    await log.append('course-1', { type: 'WasReset' })
    const messages = [/event 1 of course-1 \(WasReset\): boom/, /returned undefined/, /row k\.n is a bigint/, /a key is a string of 1/]
    for (const [index, view] of views.entries()) {
      assert.equal(await log.row(view, 'k'), undefined)
      await refuses(log.projections.waitFor(view), 'projection-failed', messages[index])
    }
    for (const message of messages) assert.ok(told.some((one) => message.test(one)), String(message))
    await log.execute(course, '2', complete('l1'))
  })
})

describe('the standing of a log', () => {
  it('in memory, without sync', async () => {
    const log = await tidelog({ environment: { storage: { persisted: () => Promise.resolve(true), estimate: () => Promise.resolve({ quota: 10, usage: 1 }), persist: () => Promise.resolve(true) } } })
    const { kind, standing, atRisk, quota, usage } = await log.storage.refresh()
    assert.deepEqual({ kind, standing, atRisk, quota, usage }, { kind: 'memory', standing: 'memory', atRisk: false, quota: 10, usage: 1 })
    assert.equal(await log.storage.persist(), false)
    await log.execute(course, '1', complete('l1'))
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(log.storage.report.atRisk, true)
    assert.equal(log.sync.status.state, 'off')
    assert.deepEqual(await log.queue.list(), [])
    assert.deepEqual(await log.rejected.list(), [])
  })

  it('after closing, every call says so', async () => {
    const log = await tidelog()
    log.close()
    log.close()
    assert.ok(log.closed)
    await refuses(log.execute(course, '1', complete('l1')), 'closed')
    await refuses(log.load(course, '1'), 'closed')
    await refuses(log.queue.list(), 'closed')
    assert.throws(() => log.read(), { code: 'closed' })
    assert.throws(() => log.version('course-1'), { code: 'closed' })
    assert.throws(() => log.sync.now(), { code: 'closed' })
  })
})

describe('pending commits', () => {
  /** A server that is not there: what is decided stays pending. */
  const offline = { online: { get: () => false, subscribe: () => () => {} } }

  it('wait in the queue, provisional and visible everywhere', async () => {
    const log = await tidelog({ sync: { url: 'http://127.0.0.1:1/logs/a' }, environment: offline })
    const receipt = await log.execute(course, '1', complete('l1'))
    await log.append('course-1', { type: 'WasReset' }, { expectedVersion: 1 })
    assert.equal(receipt.events[0]!.status, 'pending')
    assert.equal(receipt.events[0]!.position, null)
    const queue = await log.queue.list()
    assert.deepEqual(
      queue.map(({ stream, expectedVersion, policy, command, events }) => [stream, expectedVersion, policy, command?.type, events.map(({ version }) => version)]),
      [
        ['course-1', 0, 'redecide', 'Complete', [1]],
        ['course-1', 1, 'reject', undefined, [2]],
      ],
    )
    assert.equal((await log.queue.list({ limit: 1 })).length, 1)
    assert.deepEqual((await log.read({ stream: 'course-1', after: 1 }).toArray()).map(({ version }) => version), [2])
    assert.deepEqual(await log.read({ confirmedOnly: true }).toArray(), [])
    assert.deepEqual(log.storage.report.unsynced, { commits: 2, events: 2, oldest: receipt.events[0]!.metadata.occurredAt })
    assert.equal(log.sync.status.state, 'offline')
    assert.deepEqual(log.sync.status.pending, { commits: 2, events: 2 })
    log.sync.pause()
    await new Promise<void>((resolve) => log.sync.subscribe(({ state }) => state === 'paused' && resolve()))
    log.sync.resume()

    const { confirmed } = receipt
    log.close()
    await refuses(confirmed, 'closed')
  })
})
