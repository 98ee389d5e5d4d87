/** Snapshots over the real wasm, in memory. What outlives a page is tested in a browser. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { adaptKeeper } from '../src/adapt-snapshot.js'
import { Purity } from '../src/purity.js'
import { aggregate, isTidelogError, open, type AnyAggregate, type OpenOptions, type SnapshotDefinition, type Tidelog, type TidelogError } from '../src/node.js'

type Paid = { type: 'Paid'; data: { amount: number } }
type Pay = { type: 'Pay'; data: { amount: number } }

let evolved = 0
/** A purse whose state is whatever `keep` makes of the total. */
const purse = (keep: (total: number) => object = () => ({}), snapshot: SnapshotDefinition<{ total: number; kept: object }> = {}) =>
  aggregate({
    name: 'purse',
    initialState: (): { total: number; kept: object } => ({ total: 0, kept: {} }),
    decide: (command: Pay): Paid => ({ type: 'Paid', data: command.data }),
    evolve(state, event: Paid) {
      evolved++
      const total = state.total + event.data.amount
      return { total, kept: keep(total) }
    },
    snapshot,
  })

const opened: Tidelog[] = []
const failures: TidelogError[] = []
async function tidelog(known: AnyAggregate, options: Partial<OpenOptions> = {}): Promise<Tidelog> {
  const idle = (run: () => void): (() => void) => {
    const timer = setTimeout(run, 0)
    return () => clearTimeout(timer)
  }
  const log = await open({ name: 'test', storage: 'memory', aggregates: [known], environment: { idle }, onError: (error) => failures.push(error), ...options })
  opened.push(log)
  failures.length = 0
  return log
}
after(() => opened.forEach((log) => log.close()))

const pay = (log: Tidelog, count: number): Promise<unknown> =>
  log.append('purse-a', Array.from({ length: count }, () => ({ type: 'Paid', data: { amount: 1 } })))

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, 'it did not come to that within a minute')
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

describe('snapshots', () => {
  it('are taken in the background and begun with', async () => {
    const known = purse()
    const log = await tidelog(known, { snapshots: { every: 20 } })
    await pay(log, 30)
    await log.load(known, 'a')
    await until(async () => (await log.snapshots.list(known, 'a')).length > 0)
    const [taken] = await log.snapshots.list(known, 'a')
    assert.equal(taken?.version, 30)
    assert.equal(taken.current, true)
    assert.equal(taken.stream, 'purse-a')
    await pay(log, 10)
    evolved = 0
    assert.deepEqual(await log.load(known, 'a', { at: 32 }), { state: { total: 32, kept: {} }, version: 32 })
    assert.equal(evolved, 2, 'only what came after the snapshot is folded')
  })

  it('are taken by hand, listed and discarded', async () => {
    const known = purse()
    const log = await tidelog(known, { snapshots: 'by-hand' })
    assert.equal(await log.snapshots.take(known, 'a'), undefined)
    await pay(log, 20)
    const taken = await log.snapshots.take(known, 'a')
    assert.deepEqual(await log.snapshots.list(known, 'a'), [taken])
    assert.equal(taken?.size, JSON.stringify({ total: 20, kept: {} }).length)
    assert.equal(await log.snapshots.discard(known, 'a'), 1)
    assert.equal(await log.snapshots.discard('purse'), 0)
    assert.deepEqual(await log.snapshots.list(known, 'a'), [])
    await assert.rejects(log.snapshots.take(purse(), 'a'), { code: 'unknown-aggregate' })
    await assert.rejects(log.snapshots.list(known, ''), { code: 'invalid-argument' })
    await assert.rejects(log.snapshots.discard(''), { code: 'invalid-argument' })
  })

  it('keep what JSON can’t hold if the aggregate writes and reads it', async () => {
    const known = aggregate({
      name: 'purse',
      initialState: () => new Map<number, Date>(),
      decide: (command: Pay): Paid => ({ type: 'Paid', data: command.data }),
      evolve: (state, event: Paid) => new Map([...state, [state.size, new Date(event.data.amount)]]),
      snapshot: {
        policy: 'by-hand',
        write: (state) => [...state].map(([version, at]) => [version, at.getTime()]),
        read: (stored: [number, number][]) => new Map(stored.map(([version, at]) => [version, new Date(at)])),
      },
    })
    const log = await tidelog(known)
    await pay(log, 20)
    const before = await log.load(known, 'a')
    await log.snapshots.take(known, 'a')
    assert.deepEqual(await log.load(known, 'a', { at: 20 }), before)
  })

  it('are compressed where there is CompressionStream', async () => {
    const known = purse((total) => ({ text: 'x'.repeat(1_000 + total) }))
    const log = await tidelog(known, { snapshots: { compress: true } })
    await pay(log, 20)
    const taken = await log.snapshots.take(known, 'a')
    assert.ok(taken && taken.stored < taken.size / 4, JSON.stringify(taken))
    assert.equal((await log.load(known, 'a', { at: 20 })).state.total, 20)
  })

  it('refuse policies that are none', async () => {
    const bad: unknown[] = ['always', 5, null, { every: 0 }, { every: '5' }, { keep: 0 }, { floor: -1 }, { compress: 1 }, { often: 1 }]
    for (const snapshots of bad) {
      await assert.rejects(tidelog(purse(), { snapshots: snapshots as never }), (error) => isTidelogError(error, 'invalid-argument'), JSON.stringify(snapshots))
      assert.throws(() => purse(undefined, { policy: snapshots as never }), { code: 'invalid-argument' })
    }
    for (const snapshot of [{ fingerprint: '' }, { write: () => 1 }, { read: () => ({ total: 1, kept: {} }) }, { write: 1, read: 2 }]) {
      assert.throws(() => purse(undefined, snapshot as never), { code: 'invalid-argument' }, JSON.stringify(snapshot))
    }
  })
})

/** A snapshot of such a state would read back as another one. */
describe('states that JSON would change are not kept', () => {
  class Money {
    readonly amount = 1
  }
  const symbol = Symbol('s')
  const states: [string, (total: number) => object, RegExp][] = [
    ['a Set', () => new Set([1]), /state\.kept is an instance of Set/],
    ['a Map', () => ({ by: new Map() }), /state\.kept\.by is an instance of Map/],
    ['a Date', () => ({ at: new Date(0) }), /state\.kept\.at is an instance of Date/],
    ['an instance of a class', () => new Money(), /state\.kept is an instance of Money/],
    ['what writes itself', () => ({ toJSON: () => ({}) }), /state\.kept is/],
    ['a property that is undefined', () => ({ last: undefined }), /state\.kept\.last is undefined/],
    ['NaN', () => ({ mean: NaN }), /state\.kept\.mean is NaN/],
    ['minus zero', () => [-0], /state\.kept\[0\] is -0/],
    ['a hole', () => [, 1], /state\.kept\[0\] is undefined/],
    ['a bigint', () => [1n], /state\.kept\[0\] is a bigint/],
    ['no prototype', () => Object.create(null) as object, /state\.kept is an object without a prototype/],
    ['a symbol', () => ({ [symbol]: 1 }), /state\.kept is something with hidden properties/],
    ['an array with a name', () => Object.assign([1], { sum: 1 }), /state\.kept is something with hidden properties/],
  ]
  for (const [name, keep, message] of states) {
    it(name, async () => {
      const known = purse(keep)
      const log = await tidelog(known)
      await pay(log, 20)
      await assert.rejects(log.snapshots.take(known, 'a'), (error) => {
        assert.ok(isTidelogError(error, 'unkeepable-state'))
        assert.match(error.message, message)
        assert.match(error.message, /give the aggregate snapshot: \{ write, read \}/)
        assert.deepEqual(error.details, { aggregate: 'purse', stream: 'purse-a' })
        return true
      })
      assert.deepEqual(await log.snapshots.list(known, 'a'), [])
      await assert.rejects(log.snapshots.take(known, 'a'))
      assert.deepEqual(failures.map(({ code }) => code), ['unkeepable-state'], 'told once')
      assert.equal((await log.load(known, 'a', { at: 20 })).state.total, 20)
    })
  }

  it('and all others are', async () => {
    const known = purse((total) => ({ a: [null, true, 'ü\u2028\ud800', total, 1.5e-9, { '__proto__x': {}, 'a b': [] }] }))
    const log = await tidelog(known)
    await pay(log, 20)
    const before = await log.load(known, 'a')
    assert.ok(await log.snapshots.take(known, 'a'))
    assert.deepEqual(await log.load(known, 'a', { at: 20 }), before)
  })
})

describe('a fingerprint', () => {
  const of = (definition: Parameters<typeof aggregate>[0], upcasters = '[]'): string =>
    adaptKeeper(aggregate(definition), new Purity(), upcasters, () => {}).fingerprint
  const base = { name: 'purse', initialState: { total: 0 }, decide: () => [], evolve: (state: unknown) => state }

  it('stays while the code does', () => {
    assert.equal(of(base), of({ ...base }))
    assert.equal(of(base), of({ ...base, decide: () => [], policies: {} }))
    assert.equal(of({ ...base, snapshot: { fingerprint: '1' } }), of({ ...base, evolve: (it: unknown) => it, snapshot: { fingerprint: '1' } }))
  })

  it('changes with whatever makes the state', () => {
    const write = (state: unknown): unknown => state
    const all = [
      of(base),
      of({ ...base, name: 'wallet' }),
      of({ ...base, initialState: { total: 1 } }),
      of({ ...base, initialState: () => ({ total: 2 }) }),
      of({ ...base, evolve: (it: unknown) => it }),
      of({ ...base, schemaVersion: 2 }),
      of({ ...base, snapshot: { write, read: (it: object) => it } }),
      of({ ...base, snapshot: { write, read: (it: object) => ({ ...it }) } }),
      of({ ...base, snapshot: { fingerprint: '1' } }),
      of({ ...base, snapshot: { fingerprint: '2' } }),
      of({ ...base, schemaVersion: 2, snapshot: { fingerprint: '2' } }),
      of(base, '[{"type":"A"}]'),
    ]
    assert.equal(new Set(all).size, all.length)
  })

  it('has to be given for code that can’t be looked at', async () => {
    const evolve = ((state: { total: number }, event: Paid) => ({ total: state.total + event.data.amount })).bind(undefined)
    const definition = { name: 'purse', initialState: { total: 0 }, decide: (): Paid[] => [], evolve }
    const known = aggregate(definition)
    const log = await tidelog(known)
    await pay(log, 20)
    await assert.rejects(log.snapshots.take(known, 'a'), /give the aggregate a snapshot.fingerprint/)
    const named = aggregate({ ...definition, snapshot: { fingerprint: '1' } })
    const other = await tidelog(named)
    await pay(other, 20)
    assert.ok(await other.snapshots.take(named, 'a'))
  })
})
