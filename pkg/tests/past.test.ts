/** States and rows as they stood, and what changed since: the package over the real wasm, in memory. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { aggregate, isTidelogError, open, projection, type Tidelog } from '../src/node.js'

const day = 86_400_000
const start = Date.UTC(2024, 1, 1)

type Done = { type: 'Done'; data: { lesson: string } }
interface State {
  readonly lessons: readonly string[]
}
const course = aggregate({
  name: 'course',
  initialState: (): State => ({ lessons: [] }),
  decide: (command: { type: 'Do'; data: { lesson: string } }, _state): Done[] => [{ type: 'Done', data: command.data }],
  evolve: (state, event: Done): State => ({ lessons: [...state.lessons, event.data.lesson] }),
})
const progress = projection({
  name: 'progress',
  from: [course],
  initial: { lessons: [] as string[], last: '' },
  key: ({ stream }) => stream.slice('course-'.length),
  on: { Done: ({ lessons }, { data }) => ({ lessons: [...lessons, data.lesson], last: data.lesson }) },
})

const opened: Tidelog[] = []
after(() => opened.forEach((one) => one.close()))

/** Ada did a lesson a day from the first of February on; Ben did one on the second that was recorded on the fourth. */
async function academy(): Promise<Tidelog> {
  let now = start
  const environment = { now: () => now }
  const tidelog = await open({ name: 'past', storage: 'memory', aggregates: [course], projections: [progress], environment })
  opened.push(tidelog)
  for (const lesson of ['l1', 'l2', 'l3']) {
    await tidelog.execute(course, 'ada', { type: 'Do', data: { lesson } })
    now += day
  }
  await tidelog.append('course-ben', { type: 'Done', data: { lesson: 'l1' }, occurredAt: start + day })
  return tidelog
}
const date = (days: number): Date => new Date(start + days * day)

describe('a moment', () => {
  it('is a date, what was known by a date, an event, or a number', async () => {
    const tidelog = await academy()
    const keys = async (at: Parameters<Tidelog['rows']>[1]): Promise<string[]> =>
      (await tidelog.rows(progress, at)).map(([key, { lessons }]) => `${key} ${lessons.length}`)
    assert.deepEqual(await keys({}), ['ada 3', 'ben 1'])
    assert.deepEqual(await keys({ at: date(1) }), ['ada 2', 'ben 1'])
    assert.deepEqual(await keys({ knownAt: date(1) }), ['ada 2'])
    assert.deepEqual(await keys({ at: { knownAt: date(1) } }), ['ada 2'])
    assert.deepEqual(await keys({ at: 1 }), ['ada 1'])
    assert.deepEqual(await keys({ at: 0 }), [])
    const [, second] = await tidelog.read().toArray()
    assert.deepEqual(await keys({ at: second! }), ['ada 2'])
    assert.equal((await tidelog.row(progress, 'ada', { at: second! }))?.last, 'l2')
    assert.equal(await tidelog.row(progress, 'ben', { at: second! }), undefined)
    assert.equal((await tidelog.load(course, 'ada', { at: second! })).version, 2)
    assert.deepEqual((await tidelog.load(course, 'ada', { at: 1 })).state, { lessons: ['l1'] })
    assert.equal((await tidelog.load(course, 'ben', { knownAt: date(2) })).version, 0)
  })

  it('can be a pending event', async () => {
    const sync = { url: 'http://127.0.0.1:9/logs/nowhere' }
    const online = { get: () => false, subscribe: () => () => {} }
    const fetch = (): Promise<Response> => Promise.reject(new Error('there is no network'))
    const tidelog = await open({ name: 'pending', storage: 'memory', aggregates: [course], projections: [progress], sync, environment: { fetch, online } })
    opened.push(tidelog)
    const receipts = []
    for (const lesson of ['l1', 'l2']) receipts.push(await tidelog.execute(course, 'ada', { type: 'Do', data: { lesson } }))
    const [first] = receipts[0]!.events
    assert.equal(first!.position, null)
    assert.deepEqual((await tidelog.row(progress, 'ada', { at: first! }))?.lessons, ['l1'])
    assert.equal((await tidelog.load(course, 'ada', { at: first! })).version, 1)
  })

  it('that is none is refused', async () => {
    const tidelog = await academy()
    const refuses = (run: () => Promise<unknown>, message: RegExp): Promise<void> =>
      assert.rejects(run, (error) => isTidelogError(error, 'invalid-argument') && message.test(error.message))
    await refuses(() => tidelog.rows(progress, { at: 1, knownAt: date(1) }), /two questions/)
    await refuses(() => tidelog.rows(progress, { at: new Date(NaN) }), /at/)
    await refuses(() => tidelog.row(progress, 'ada', { at: -1 }), /at/)
    await refuses(() => tidelog.row(progress, 'ada', { at: {} as never }), /a recorded event/)
    await refuses(() => tidelog.load(course, 'ada', { knownAt: 5 as never }), /knownAt is a Date/)
    await refuses(() => tidelog.difference(course, 'ada', { from: 'monday' as never }), /from/)
    const [event] = await tidelog.read().toArray()
    const gone = { ...event!, position: null, commitId: event!.id }
    await assert.rejects(tidelog.rows(progress, { at: gone }), (error) => isTidelogError(error, 'unknown-commit'))
  })
})

describe('the difference', () => {
  it('of a row names fields and events', async () => {
    const tidelog = await academy()
    const { before, after: now, changes, events, total } = await tidelog.difference(progress, 'ada', { from: date(1) })
    assert.deepEqual(before, { lessons: ['l1', 'l2'], last: 'l2' })
    assert.deepEqual(now?.lessons, ['l1', 'l2', 'l3'])
    assert.deepEqual(changes, [
      { path: '/last', before: 'l2', after: 'l3' },
      { path: '/lessons/2', after: 'l3' },
    ])
    assert.deepEqual(events.map(({ stream, version }) => `${stream} ${version}`), ['course-ada 3'])
    assert.equal(total, 1)
    const none = await tidelog.difference(progress, 'ada', { from: 3 })
    assert.deepEqual([none.before, none.changes, none.total], [now, [], 0])
    assert.equal((await tidelog.difference(progress, 'nobody', { from: 0 })).after, undefined)
  })

  it('of all rows tells what was not known', async () => {
    const tidelog = await academy()
    const { rows, total } = await tidelog.difference(progress, { from: { knownAt: date(2) }, to: date(2) })
    assert.deepEqual(rows.map(({ key }) => key), ['ben'])
    assert.equal(rows[0]!.before, undefined)
    assert.equal(total, 1)
  })

  it('of an aggregate names fields and events, in both directions, within a limit', async () => {
    const tidelog = await academy()
    const since = await tidelog.difference(course, 'ada', { from: 1 })
    assert.deepEqual(since.changes.map(({ path }) => path), ['/lessons/1', '/lessons/2'])
    assert.deepEqual(since.events.map(({ data }) => data.lesson), ['l2', 'l3'])
    const back = await tidelog.difference(course, 'ada', { from: 3, to: 0, limit: 2 })
    assert.deepEqual([back.before, back.after], [{ lessons: ['l1', 'l2', 'l3'] }, { lessons: [] }])
    assert.deepEqual([back.events.length, back.total], [2, 3])
    const none = await tidelog.difference(course, 'ada', { from: 2, to: 2 })
    assert.deepEqual([none.changes, none.events, none.total], [[], [], 0])
  })

  it('of states that JSON can not hold is refused', async () => {
    const sets = aggregate({
      name: 'sets',
      initialState: () => new Set<string>(),
      decide: (_command: { type: 'Do' }, _state): Done[] => [{ type: 'Done', data: { lesson: 'l1' } }],
      evolve: (state, event: Done) => new Set([...state, event.data.lesson]),
    })
    const tidelog = await open({ name: 'sets', storage: 'memory', aggregates: [sets] })
    opened.push(tidelog)
    await tidelog.execute(sets, 'a', { type: 'Do' })
    await assert.rejects(tidelog.difference(sets, 'a', { from: 0 }), (error) => isTidelogError(error, 'not-json'))
  })
})
