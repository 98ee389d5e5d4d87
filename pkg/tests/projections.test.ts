/** Projections over the real wasm, in memory: queries, kinds, failures, rebuilds. What is stored and read again is tested in browsers. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { isTidelogError, open, projection, upcaster, type ErrorCode, type OpenOptions, type ProjectionDefinition, type RebuildProgress, type RowPage, type Tidelog } from '../src/node.js'

type Event = { type: 'Scored'; data: { learner: string; points: number; region?: string } } | { type: 'Left'; data: { learner: string } } | { type: 'Poison' }
interface Row {
  points: number
  times: number
  left: boolean
  home: { region: string | null }
}

let poisoned = true
function scores(options: Partial<ProjectionDefinition<Row, Event>> = {}) {
  return projection<Row, Event>({
    name: 'scores',
    initial: { points: 0, times: 0, left: false, home: { region: null } },
    key: (event) => (event.type === 'Poison' ? event.stream : event.data.learner),
    on: {
      Scored: (row, { data }) => ({ ...row, points: row.points + data.points, times: row.times + 1, home: { region: data.region ?? row.home.region } }),
      Left: (row) => ({ ...row, left: true }),
      Poison: (row) => {
        if (poisoned) throw new Error('poison')
        return row
      },
    },
    ...options,
  })
}

const opened: Tidelog[] = []
after(() => opened.forEach((one) => one.close()))

async function tidelog(options: Partial<OpenOptions>): Promise<Tidelog> {
  const log = await open({ name: 'test', storage: 'memory', onError: () => {}, ...options })
  opened.push(log)
  return log
}

async function refuses(run: () => unknown, code: ErrorCode, message?: RegExp): Promise<void> {
  await assert.rejects(
    async () => void (await run()),
    (error) => {
      assert.ok(isTidelogError(error, code), String(error))
      if (message) assert.match(error.message, message)
      return true
    },
  )
}

/** Resolves once a condition holds; background work is done when Node.js has nothing else to do. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5))
}

const people: [learner: string, points: number, region?: string][] = [
  ['ada', 70, 'north'],
  ['alan', 40, 'south'],
  ['bea', 90, 'north'],
  ['carl', 40],
]

async function filled(log: Tidelog): Promise<void> {
  for (const [learner, points, region] of people) {
    const data = { learner, points, ...(region === undefined ? {} : { region }) }
    await log.append<Event>(`person-${learner}`, { type: 'Scored', data })
  }
  await log.append<Event>('person-carl', { type: 'Left', data: { learner: 'carl' } })
}

const keys = (page: RowPage<unknown>): string[] => page.rows.map(([key]) => key)

describe('queries', () => {
  it('find, order, cut and count, with an index and without', async () => {
    for (const indexes of [[], ['points', 'home.region', 'left']] as const) {
      const view = scores({ indexes })
      const log = await tidelog({ projections: [view] })
      await filled(log)
      const ask = async (query: Parameters<typeof log.query<Row>>[1]): Promise<[string[], number]> => {
        const page = await log.query(view, query).ready
        return [keys(page), page.count]
      }
      assert.deepEqual(await ask({}), [['ada', 'alan', 'bea', 'carl'], 4])
      assert.deepEqual(await ask({ where: { points: 40 } }), [['alan', 'carl'], 2])
      assert.deepEqual(await ask({ where: { points: { gte: 40, lt: 90 } }, orderBy: '-points' }), [['ada', 'alan', 'carl'], 3])
      assert.deepEqual(await ask({ where: { 'home.region': { in: ['south', null] } } }), [['alan', 'carl'], 2])
      assert.deepEqual(await ask({ where: [{ left: true }, { 'home.region': { prefix: 'no' } }] }), [['ada', 'bea', 'carl'], 3])
      assert.deepEqual(await ask({ where: { $key: { prefix: 'a' } }, orderBy: ['points', '-$key'] }), [['alan', 'ada'], 2])
      assert.deepEqual(await ask({ orderBy: '-points', limit: 2, offset: 1 }), [['ada', 'alan'], 4])
      assert.deepEqual(await ask({ limit: 0 }), [[], 4])
    }
  })

  it('are live, and keep their answer until a row changes that they are about', async () => {
    const view = scores({ indexes: ['points'] })
    const log = await tidelog({ projections: [view] })
    await filled(log)
    const best = log.query(view, { where: { points: { gte: 50 } }, orderBy: '-points' })
    const seen: (string[] | undefined)[] = []
    const stop = best.subscribe((page) => seen.push(page && keys(page)))
    await until(() => seen.length === 2)
    const first = best.get()
    await log.append<Event>('person-dora', { type: 'Scored', data: { learner: 'dora', points: 1 } })
    assert.equal(await best.ready, first, 'the same object')
    await log.append<Event>('person-carl', { type: 'Scored', data: { learner: 'carl', points: 45 } })
    await until(() => seen.length === 3)
    stop()
    assert.deepEqual(seen, [undefined, ['bea', 'ada'], ['bea', 'carl', 'ada']])
  })

  it('refuse what is no query', async () => {
    const view = scores()
    const log = await tidelog({ projections: [view] })
    const bad: [unknown, RegExp][] = [
      [{ where: { points: { above: 3 } } }, /where\.points\.above is no test: there are eq, in/],
      [{ where: { points: undefined } }, /where\.points\.eq is a string/],
      [{ where: { points: { in: 3 } } }, /where\.points\.in is an array/],
      [{ where: { points: NaN } }, /finite/],
      [{ where: { points: { prefix: 3 } } }, /prefix is a string/],
      [{ where: { points: { eq: {} } } }, /where\.points\.eq/],
      [{ where: 3 }, /where is an object/],
      [{ orderBy: '' }, /orderBy/],
      [{ orderBy: '-' }, /orderBy/],
      [{ limit: -1 }, /limit is an integer from 0/],
      [{ offset: 1.5 }, /offset/],
    ]
    for (const [query, message] of bad) await refuses(() => log.query(view, query as object).ready, 'invalid-argument', message)
    const many = { where: Array.from({ length: 257 }, () => ({ points: 1 })) }
    await refuses(() => log.query(view, many).ready, 'invalid-argument', /257 tests, over the limit of 256/)
    await refuses(() => log.query(scores(), {}).ready, 'unknown-projection')
  })
})

describe('kinds', () => {
  it('immediate, background and batch', async () => {
    const views = (['immediate', 'background', 'batch'] as const).map((kind) => scores({ name: kind, kind }))
    const log = await tidelog({ projections: views })
    await filled(log)
    const [immediate, background, batch] = views as [(typeof views)[0], (typeof views)[0], (typeof views)[0]]
    assert.equal((await log.projections.status(immediate)).lag, 0)
    assert.equal((await log.rows(background)).length, 4)
    assert.deepEqual(await log.rows(batch), [])
    const { kind, state, lag, head } = await log.projections.status(batch)
    assert.deepEqual({ kind, state, lag, head }, { kind: 'batch', state: 'behind', lag: 5, head: 5 })
    assert.equal(await log.projections.waitFor(batch), 5)
    assert.equal((await log.rows(batch)).length, 4)
  })

  it('a batch projection follows by itself after so many events, and the status is live', async () => {
    const view = scores({ kind: 'batch', every: 3 })
    const log = await tidelog({ projections: [view] })
    const positions = new Set<number>()
    const stop = log.projections.subscribe((all) => all && positions.add(all[0]!.position))
    await filled(log)
    await until(async () => (await log.projections.status(view)).position === 5)
    await until(() => positions.has(5))
    stop()
  })

  it('waiting ends when the position is reached, or when the time is over', async () => {
    const view = scores()
    const log = await tidelog({ projections: [view] })
    await filled(log)
    await refuses(() => log.projections.waitFor(view, 6, { timeout: 20 }), 'timeout', /at position 5 after 20 ms, not at 6/)
    const waiting = log.projections.waitFor(view, 6)
    await log.append<Event>('person-eva', { type: 'Scored', data: { learner: 'eva', points: 1 } })
    assert.equal(await waiting, 6)
    await refuses(() => log.projections.waitFor(view, -1), 'invalid-argument')
    const last = log.projections.waitFor(view, 100)
    const refused = refuses(() => last, 'closed')
    log.close()
    await refused
  })
})

describe('failures', () => {
  it('a failing event parks its stream until it is replayed', async () => {
    poisoned = true
    const told: string[] = []
    const view = scores()
    const log = await tidelog({ projections: [view], onError: (error) => told.push(error.message) })
    await log.append<Event>('person-zoe', [{ type: 'Scored', data: { learner: 'zoe', points: 1 } }, { type: 'Poison' }])
    await log.append<Event>('person-zoe', { type: 'Scored', data: { learner: 'zoe', points: 2 } })
    await filled(log)
    assert.equal((await log.row(view, 'zoe'))?.points, 1)
    assert.equal((await log.rows(view)).length, 5)
    const [letter] = await log.projections.deadLetters.list(view)
    assert.deepEqual(
      { ...letter, at: 0, message: '' },
      { stream: 'person-zoe', version: 2, position: 2, type: 'Poison', message: '', at: 0, waiting: 2 },
    )
    await until(() => told.length > 0)
    assert.match(told.join(), /event 2 of person-zoe \(Poison\): poison/)
    assert.deepEqual(await log.projections.deadLetters.replay(view), { streams: 0, failed: 1 })
    poisoned = false
    assert.deepEqual(await log.projections.deadLetters.replay(view, 'person-zoe'), { streams: 1, failed: 0 })
    assert.equal((await log.row(view, 'zoe'))?.points, 3)
    assert.equal((await log.projections.status(view)).parked, 0)
    await refuses(() => log.projections.deadLetters.replay(view, 'person-zoe'), 'invalid-argument', /not parked/)
  })

  it('an event is tried again in time', async () => {
    poisoned = true
    const view = scores({ onError: { retries: 5, then: 'stop' } })
    const log = await tidelog({ projections: [view] })
    await log.append<Event>('person-zoe', { type: 'Poison' })
    assert.deepEqual(await log.rows(view), [])
    const status = await log.projections.status(view)
    assert.equal(status.state, 'retrying')
    assert.equal(status.error?.failures, 1)
    poisoned = false
    await until(async () => (await log.projections.status(view)).state === 'current')
    assert.equal((await log.rows(view)).length, 1)
  })

  it('an event that no upcaster can read parks its stream', async () => {
    const step = upcaster({
      type: 'Scored',
      from: 1,
      upcast: ({ data }) => {
        if ((data as { learner: string }).learner === 'alan') throw new Error('unreadable')
        return { data }
      },
    })
    const view = scores()
    const log = await tidelog({ projections: [view], upcasters: [step] })
    for (const learner of ['ada', 'alan', 'bea']) {
      await log.append<Event>(`person-${learner}`, { type: 'Scored', schemaVersion: 1, data: { learner, points: 1 } })
    }
    assert.deepEqual((await log.rows(view)).map(([key]) => key), ['ada', 'bea'])
    assert.equal((await log.projections.deadLetters.list(view))[0]?.stream, 'person-alan')
  })
})

describe('rebuilds', () => {
  it('tell their progress, are given up and gone on with', async () => {
    let version = 1
    const view = projection({
      name: 'by-version',
      initial: 0,
      key: (event: { type: 'Counted'; data: number }) => `k${event.data % 50}`,
      on: { Counted: () => version },
    })
    const log = await tidelog({ projections: [view] })
    await log.appendAll(Array.from({ length: 5_000 }, (_, number) => ({ stream: `count-${number % 100}`, events: [{ type: 'Counted', data: number }] })))
    assert.ok((await log.rows(view)).every(([, row]) => row === 1))
    version = 2
    const stop = new AbortController()
    const told: RebuildProgress[] = []
    const onProgress = (progress: RebuildProgress): void => {
      told.push(progress)
      if (told.length === 2) stop.abort(new Error('enough'))
    }
    await assert.rejects(log.projections.rebuild(view, { onProgress, signal: stop.signal }), /enough/)
    assert.deepEqual(told.map(({ position, head, done }) => [position, head, done]), [[1_000, 5_000, false], [2_000, 5_000, false]])
    assert.ok((await log.rows(view)).every(([, row]) => row === 1), 'the old rows are read meanwhile')
    const before = await log.projections.status(view)
    assert.equal(before.state, 'rebuilding')
    assert.equal(before.rebuild?.position, 2_000)
    const done = await log.projections.rebuild(view, { onProgress })
    assert.equal(told[2]?.position, 3_000, 'it goes on where it was')
    assert.deepEqual({ ...done }, { position: 5_000, head: 5_000, events: 5_000, rows: 50, done: true })
    assert.ok((await log.rows(view)).every(([, row]) => row === 2))
    assert.equal((await log.projections.status(view)).generation, before.generation + 1)
  })
})

describe('what projection() takes', () => {
  it('is checked', () => {
    const make = (options: object) => () => scores(options)
    for (const [options, argument] of [
      [{ version: 0 }, /version is an integer from 1/],
      [{ kind: 'soon' }, /kind is one of immediate, background, batch/],
      [{ every: 0 }, /every/],
      [{ onError: 'ignore' }, /onError is one of park, skip, stop/],
      [{ onError: { retries: 11, then: 'park' } }, /onError\.retries is an integer from 0 to 10/],
      [{ indexes: 'points' }, /indexes is an array/],
      [{ indexes: [''] }, /indexes/],
    ] as const) {
      assert.throws(make(options), (error) => isTidelogError(error, 'invalid-argument') && argument.test(error.message), String(argument))
    }
  })
})
