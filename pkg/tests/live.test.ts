import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TidelogError } from '../src/errors.js'
import { Cell, LiveValue } from '../src/live.js'
import { share } from '../src/share.js'
import { Watchers } from '../src/watchers.js'

describe('structural sharing', () => {
  it('keeps the identity of what did not change', () => {
    const previous = { a: { x: 1 }, b: [{ y: 1 }, { y: 2 }], c: 1 }
    const next = share(previous, { a: { x: 1 }, b: [{ y: 1 }, { y: 3 }], c: 1 })
    assert.deepEqual(next, { a: { x: 1 }, b: [{ y: 1 }, { y: 3 }], c: 1 })
    assert.equal(next.a, previous.a)
    assert.equal(next.b[0], previous.b[0])
    assert.notEqual(next.b, previous.b)
    assert.equal(share(previous, structuredClone(previous)), previous)
  })

  it('tells lost and new properties, other kinds and special values apart', () => {
    const pairs: [unknown, unknown][] = [
      [{ a: 1 }, {}],
      [{}, { a: undefined }],
      [{ a: undefined }, { b: undefined }],
      [[1, 2], [1]],
      [[], {}],
      [null, {}],
      [new Date(0), new Date(0)],
      [0, -0],
    ]
    for (const [previous, next] of pairs) {
      assert.deepStrictEqual(share(previous, next), next)
      assert.ok(!Object.is(share(previous, next), previous))
    }
    assert.ok(Object.is(share({ a: NaN }, { a: NaN }).a, NaN))
  })

  it('ends with states that hold cycles, and keeps a key named __proto__ a key', () => {
    const cycle = (): Record<string, unknown> => {
      const value: Record<string, unknown> = {}
      value['self'] = value
      return value
    }
    share(cycle(), cycle())
    const hostile = JSON.parse('{"__proto__":{"a":1},"b":2}') as object
    assert.deepEqual(Object.keys(share({ b: 1 }, hostile)), ['__proto__', 'b'])
  })
})

describe('a cell', () => {
  it('calls at once, then on change only, until unsubscribed', () => {
    const cell = new Cell({ n: 1 })
    const heard: number[] = []
    const stop = cell.subscribe(({ n }) => heard.push(n))
    cell.set({ n: 1 })
    cell.set({ n: 2 })
    stop()
    stop()
    cell.set({ n: 3 })
    assert.deepEqual(heard, [1, 2])
  })

  it('lets a subscriber unsubscribe another within a call', () => {
    const cell = new Cell(0)
    const heard: string[] = []
    const stops: (() => void)[] = []
    for (const name of ['a', 'b']) {
      stops.push(
        cell.subscribe((value) => {
          heard.push(`${name}${value}`)
          if (value === 1) for (const stop of stops) stop()
        }),
      )
    }
    cell.set(1)
    cell.set(2)
    assert.deepEqual(heard, ['a0', 'b0', 'a1'])
  })
})

/** A source whose loads a test answers. */
function source() {
  const loads: { resolve: (value: object) => void; reject: (error: unknown) => void }[] = []
  const watching = new Set<() => void>()
  const failures: TidelogError[] = []
  const live = new LiveValue<object>({
    load: () => new Promise((resolve, reject) => loads.push({ resolve, reject })),
    watch: (stale) => {
      watching.add(stale)
      return () => void watching.delete(stale)
    },
    failed: (error) => failures.push(error),
  })
  return { live, loads, failures, watching, stale: () => watching.forEach((run) => run()) }
}
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('a live value', () => {
  it('loads at the first subscription, keeps identity, and stops watching after the last', async () => {
    const { live, loads, watching, stale } = source()
    const heard: unknown[] = []
    assert.equal(live.get(), undefined)
    const { subscribe, get } = live // needs no `this`
    const first = subscribe((value) => heard.push(value))
    const second = subscribe(() => {})
    assert.equal(loads.length, 1)
    loads[0]!.resolve({ n: 1 })
    await settled()
    const snapshot = get()
    assert.deepEqual(heard, [undefined, { n: 1 }])

    stale()
    loads[1]!.resolve({ n: 1 })
    await settled()
    assert.equal(get(), snapshot)
    assert.equal(heard.length, 2)

    first()
    first()
    assert.equal(watching.size, 1)
    second()
    assert.equal(watching.size, 0)
    stale()
    assert.equal(loads.length, 2)
  })

  it('loads once more for all changes during a load', async () => {
    const { live, loads, stale } = source()
    live.subscribe(() => {})
    stale()
    stale()
    assert.equal(loads.length, 1)
    loads[0]!.resolve({ n: 1 })
    await settled()
    assert.equal(loads.length, 2)
    loads[1]!.resolve({ n: 2 })
    await settled()
    assert.equal(loads.length, 2)
    assert.deepEqual(live.get(), { n: 2 })
  })

  it('is ready without a subscriber, and says why it is not', async () => {
    const { live, loads, failures } = source()
    const ready = live.ready
    loads[0]!.reject({ code: 'corrupt', message: 'bad row' })
    await assert.rejects(ready, { code: 'corrupt' })
    assert.equal(live.error?.code, 'corrupt')
    assert.equal(failures.length, 0, 'who awaits it hears it; nobody else needs to')

    live.subscribe(() => {})
    loads[1]!.reject(new TidelogError('corrupt', 'again', {} as never))
    await settled()
    assert.equal(failures.length, 1)

    const again = live.ready
    loads[2]!.resolve({ n: 1 })
    assert.deepEqual(await again, { n: 1 })
    assert.equal(live.error, undefined)
    assert.deepEqual(await live.ready, { n: 1 })
    assert.equal(loads.length, 3)
  })
})

describe('watchers', () => {
  it('hear of what they depend on, each at most once per change', () => {
    const watchers = new Watchers()
    const heard: string[] = []
    const stops = [
      watchers.stream('a-1', () => heard.push('a-1')),
      watchers.stream('b-1', () => heard.push('b-1')),
      watchers.log(() => heard.push('log')),
      watchers.sync(() => heard.push('sync')),
    ]
    const take = (): string[] => heard.splice(0).sort()
    watchers.changed({ streams: ['a-1', 'a-1'], sync: false })
    assert.deepEqual(take(), ['a-1', 'log'])
    watchers.changed({ streams: [], sync: true })
    assert.deepEqual(take(), ['sync'])
    watchers.changed({ streams: undefined, sync: true })
    assert.deepEqual(take(), ['a-1', 'b-1', 'log', 'sync'])
    for (const stop of stops) stop()
    watchers.changed({ streams: undefined, sync: true })
    assert.deepEqual(take(), [])
  })
})
