/** Replaying: handlers, filters, progress, pause, cancel, failures, and that nothing happens by it. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { aggregate, isTidelogError, open, projection, upcaster, type RecordedEvent, type Tidelog } from '../src/node.js'

type Done = { type: 'Done'; data: { lesson: string } }
const course = aggregate({
  name: 'course',
  initialState: 0,
  decide: (_command: { type: 'Do' }, _state): Done[] => [{ type: 'Done', data: { lesson: 'l9' } }],
  evolve: (state, _event: Done) => state + 1,
})
const lessons = projection({
  name: 'lessons',
  from: [course],
  initial: 0,
  key: ({ data }) => data.lesson,
  on: { Done: (count) => count + 1 },
})

let tidelog: Tidelog
// Ten courses of three lessons each, and a note each after them.
before(async () => {
  tidelog = await open({ name: 'replay', storage: 'memory', aggregates: [course] })
  const commits = [1, 2, 3].flatMap((round) =>
    Array.from({ length: 10 }, (_, id) => ({ stream: `course-${id}`, events: [{ type: 'Done', data: { lesson: `l${round}` }, occurredAt: round * 1_000 }] })),
  )
  await tidelog.appendAll(commits)
  await tidelog.appendAll(Array.from({ length: 10 }, (_, id) => ({ stream: `note-${id}`, events: [{ type: 'Noted', data: {} }] })))
})
after(() => tidelog.close())

/** The positions that a replay hands over. */
async function positions(options: Parameters<Tidelog['replay']>[1]): Promise<number[]> {
  const seen: number[] = []
  const { finished } = tidelog.replay((events) => void seen.push(...events.map(({ position }) => position!)), options)
  const report = await finished
  assert.deepEqual([report.ended, report.events, report.total], ['done', seen.length, seen.length])
  return seen
}
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index)

describe('a replay', () => {
  it('hands an aggregate only the events that it understands', async () => {
    const newer = await open({ name: 'newer', storage: 'memory' })
    await newer.append('course-1', [{ type: 'Done', data: { lesson: 'l1' } }, { type: 'Renamed', data: {} }])
    const older = aggregate({ name: 'course', initialState: [] as string[], decide: (_: { type: 'Do' }): Done[] => [], evolve: (state, event: Done) => [...state, event.type], events: ['Done'] })
    const { result } = await newer.replay(older).finished
    newer.close()
    assert.deepEqual([...result], [['course-1', ['Done']]])
  })

  it('hands over everything once, in order, in batches', async () => {
    for (const batchSize of [1, 7, 500]) assert.deepEqual(await positions({ batchSize }), range(1, 40))
  })

  it('is filtered by type, aggregate, stream, time and position', async () => {
    assert.deepEqual(await positions({ types: ['Noted'], batchSize: 3 }), range(31, 40))
    assert.deepEqual(await positions({ aggregates: ['note'] }), range(31, 40))
    assert.equal((await positions({ aggregates: [course, 'note'] })).length, 40)
    assert.deepEqual(await positions({ streams: ['course-3', 'note-0'] }), [4, 14, 24, 31])
    assert.deepEqual(await positions({ from: 2_000, to: new Date(3_000) }), range(11, 20))
    assert.deepEqual(await positions({ after: 12, until: 15 }), [13, 14, 15])
  })

  it('folds with a projection, an aggregate or a reducer, registered or not', async () => {
    const rows = await tidelog.replay(lessons, { streams: ['course-1', 'course-2'] }).finished
    assert.deepEqual([...rows.result], [['l1', 2], ['l2', 2], ['l3', 2]])
    const states = await tidelog.replay(course, { until: 25 }).finished
    assert.equal(states.events, 25)
    assert.deepEqual([states.result.size, states.result.get('course-0'), states.result.get('course-9')], [10, 3, 2])
    const count = await tidelog.replay({ initialState: 0, evolve: (count: number, _event: RecordedEvent) => count + 1 }).finished
    assert.equal(count.result, 40)
  })

  it('tells its progress, waits while it is paused, and goes on', async () => {
    const replay = tidelog.replay((events) => { if (events[0]!.position === 11) replay.pause() }, { batchSize: 10 })
    const told: number[] = []
    const paused = new Promise<void>((resolve) => replay.progress.subscribe(({ events }) => {
      told.push(events)
      if (events === 20) resolve()
    }))
    await paused
    assert.equal(replay.paused, true)
    assert.deepEqual(replay.progress.get(), { events: 20, total: 40, position: 20, failed: 0 })
    replay.resume()
    assert.equal((await replay.finished).ended, 'done')
    assert.deepEqual(told, [0, 10, 20, 30, 40])
  })

  it('is cancelled by itself or by a signal, and continued by its position', async () => {
    const controller = new AbortController()
    const seen: number[] = []
    const take = (events: readonly RecordedEvent[]): void => {
      seen.push(...events.map(({ position }) => position!))
      if (seen.length === 20) controller.abort()
    }
    const { ended, position } = await tidelog.replay(take, { batchSize: 10, signal: controller.signal }).finished
    assert.deepEqual([ended, position], ['cancelled', 20])
    await tidelog.replay(take, { after: position }).finished
    assert.deepEqual(seen, range(1, 40))

    const waiting = tidelog.replay(() => {}, { batchSize: 10 })
    waiting.pause()
    waiting.cancel()
    assert.equal((await waiting.finished).ended, 'cancelled')
    assert.equal((await tidelog.replay(() => {}, { signal: AbortSignal.abort() }).finished).position, 0)
  })

  it('stops before what fails, or collects it', async () => {
    const fussy = projection({
      name: 'fussy',
      initial: 0,
      key: (event: RecordedEvent<Done>) => event.stream,
      on: { Done: (count, event) => { if (event.position === 14 || event.position === 30) throw new Error('not this one'); return count + 1 } },
    })
    const stopped = await tidelog.replay(fussy, { batchSize: 10 }).finished
    assert.deepEqual([stopped.ended, stopped.position, stopped.events, stopped.failed], ['failed', 13, 13, 1])
    assert.deepEqual(stopped.failures, [{ position: 14, stream: 'course-3', version: 2, type: 'Done', reason: 'not this one' }])
    const collected = await tidelog.replay(fussy, { onError: 'collect', maxFailures: 1 }).finished
    assert.deepEqual([collected.ended, collected.failed, collected.failures.length, collected.events], ['done', 2, 1, 40])
    assert.equal(collected.result.get('course-3'), 2)
    const batches = await tidelog.replay(() => Promise.reject(new Error('no network')), { batchSize: 20, onError: 'collect' }).finished
    assert.deepEqual(batches.failures, [{ position: 1, reason: 'no network' }, { position: 21, reason: 'no network' }])
  })

  it('makes nothing happen: calls of a handler into the tidelog are refused', async () => {
    const codes: unknown[] = []
    const attempt = (run: () => unknown): void => {
      try {
        const result = run()
        if (result instanceof Promise) result.catch((error: unknown) => codes.push(isTidelogError(error) && error.code))
      } catch (error) {
        codes.push(isTidelogError(error) && error.code)
      }
    }
    await tidelog.replay(() => {
      attempt(() => tidelog.execute(course, '0', { type: 'Do' }))
      attempt(() => tidelog.append('course-0', { type: 'Done' }))
      attempt(() => tidelog.replay(() => {}))
    }).finished
    assert.deepEqual(codes, ['reentrant', 'reentrant', 'reentrant'])
    assert.equal(tidelog.version('course-0'), 3)
  })

  it('goes through the upcasters', async () => {
    const renamed = upcaster({ type: 'Finished', from: 1, into: 'Done', upcast: ({ data }) => {
      if ((data as { unit: string }).unit === '') throw new Error('nothing in it')
      return { type: 'Done', data: { lesson: (data as { unit: string }).unit } }
    } })
    const old = await open({ name: 'old', storage: 'memory', upcasters: [renamed] })
    await old.append('course-a', ['l1', '', 'l2'].map((unit) => ({ type: 'Finished', data: { unit } })))
    const { result, failures, failed } = await old.replay(lessons, { types: ['Done'], onError: 'collect' }).finished
    assert.deepEqual([...result.keys()], ['l1', 'l2'])
    assert.equal(failed, 1)
    assert.match(failures[0]!.reason, /nothing in it/)
    const stopped = await old.replay(lessons).finished
    assert.deepEqual([stopped.ended, stopped.position, [...stopped.result.keys()]], ['failed', 1, ['l1']])
    old.close()
  })

  it('refuses bad options at once', () => {
    const refuses = (run: () => unknown): void => assert.throws(run, (error) => isTidelogError(error, 'invalid-argument'))
    refuses(() => tidelog.replay({} as never))
    refuses(() => tidelog.replay(null as never))
    refuses(() => tidelog.replay(() => {}, { batchSize: 0 }))
    refuses(() => tidelog.replay(() => {}, { after: -1 }))
    refuses(() => tidelog.replay(() => {}, { onError: 'panic' as never }))
    refuses(() => tidelog.replay(() => {}, { from: new Date(NaN) }))
    refuses(() => tidelog.replay(() => {}, { types: [''] }))
  })
})
