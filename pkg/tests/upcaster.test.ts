/** Upcasters over the real wasm: by steps in the core, by functions here, forth and back. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { aggregate, isTidelogError, open, upcaster, type OpenOptions, type Step, type Tidelog, type Upcaster } from '../src/node.js'

type Completed = { type: 'LessonCompleted'; data: { lesson: string } }
const course = aggregate({
  name: 'course',
  initialState: { lessons: [] as string[] },
  decide: (command: { type: 'Complete'; data: { lesson: string } }): Completed => ({ type: 'LessonCompleted', data: command.data }),
  evolve: (state, event: Completed) => ({ lessons: [...state.lessons, event.data.lesson] }),
  events: ['LessonCompleted'],
})

const opened: Tidelog[] = []
async function tidelog(options: Partial<OpenOptions>): Promise<Tidelog> {
  const one = await open({ name: 'upcast', storage: 'memory', aggregates: [course], ...options })
  opened.push(one)
  return one
}
after(() => opened.forEach((one) => one.close()))

const upcasters = [
  upcaster({ type: 'LessonCompleted', from: 1, steps: [{ rename: 'name', to: 'lesson' }] }),
  upcaster({ type: 'LessonDone', from: 1, into: 'LessonCompleted', steps: [{ rename: 'unit', to: 'name' }] }),
  upcaster({ type: 'LessonsDone', from: 1, into: 'LessonDone', upcast: ({ data }) => (data as string[]).map((unit) => ({ data: { unit } })) }),
  upcaster({ type: 'Opened', from: 1, into: [] }),
]

describe('upcasters', () => {
  it('lead to the newest shape, by steps and by functions, and new events have its version', async () => {
    const log = await tidelog({ upcasters })
    await log.append('course-1', [
      { type: 'Opened' },
      { type: 'LessonDone', data: { unit: 'l1' } },
      { type: 'LessonsDone', data: ['l2', 'l3'] },
      { type: 'LessonCompleted', schemaVersion: 1, data: { name: 'l4' } },
    ])
    const receipt = await log.execute(course, '1', { type: 'Complete', data: { lesson: 'l5' } })
    assert.equal(receipt.events[0]?.schemaVersion, 2)
    assert.deepEqual((await log.load(course, '1')).state.lessons, ['l1', 'l2', 'l3', 'l4', 'l5'])
    assert.deepEqual((await log.read({ types: ['LessonCompleted'] }).toArray()).map(({ version }) => version), [2, 3, 3, 4, 5])
  })

  it('lead back to the versions asked for', async () => {
    const log = await tidelog({ upcasters })
    await log.append('course-1', [{ type: 'LessonDone', data: { unit: 'l1' } }, { type: 'LessonCompleted', data: { lesson: 'l2' } }])
    const read = async (as: Record<string, number>): Promise<unknown> => (await log.read({ as }).toArray()).map(({ type, data }) => [type, data])
    assert.deepEqual(await read({ LessonCompleted: 1 }), [['LessonCompleted', { name: 'l1' }], ['LessonCompleted', { name: 'l2' }]])
    assert.deepEqual(await read({ LessonDone: 1 }), [['LessonDone', { unit: 'l1' }], ['LessonDone', { unit: 'l2' }]])
    assert.throws(() => log.read({ as: { LessonDone: 0 } }), (error) => isTidelogError(error, 'invalid-argument'))
  })

  it('lead back by functions, and say where there is no way', async () => {
    const seconds = upcaster({
      type: 'Watched',
      from: 1,
      upcast: ({ data }) => ({ data: { seconds: (data as { minutes: number }).minutes * 60 } }),
      downcast: ({ data }) => ({ data: { minutes: (data as { seconds: number }).seconds / 60 } }),
    })
    const oneWay = upcaster({ type: 'Rated', from: 1, upcast: ({ data }) => ({ data }) })
    const log = await tidelog({ upcasters: [seconds, oneWay] })
    await log.append('course-1', [{ type: 'Watched', data: { seconds: 120 } }, { type: 'Rated', data: 5 }])
    const watched = await log.read({ types: ['Watched'], as: { Watched: 1 } }).toArray()
    assert.deepEqual(watched.map(({ schemaVersion, data }) => [schemaVersion, data]), [[1, { minutes: 2 }]])
    await assert.rejects(log.read({ as: { Rated: 1 } }).toArray(), (error) => {
      assert.ok(isTidelogError(error, 'no-downcast'))
      assert.deepEqual(error.details, { event: 'Rated', schemaVersion: 2, stream: 'course-1', version: 2 })
      return true
    })
  })

  const steps: [step: Step, before: unknown, after: unknown][] = [
    [{ add: 'a.b', value: null }, {}, { a: { b: null } }],
    [{ remove: 'a' }, { a: 1, b: 2 }, { b: 2 }],
    [{ rename: 'l.*.n', to: 'm' }, { l: [{ n: 1 }, { n: 2 }] }, { l: [{ m: 1 }, { m: 2 }] }],
    [{ move: 'street', to: 'address.street' }, { street: 's' }, { address: { street: 's' } }],
    [{ set: 'a', value: { x: [1] } }, { a: 2 }, { a: { x: [1] } }],
    [{ map: 'a', values: { x: 1, y: 2 } }, { a: 'y' }, { a: 2 }],
    [{ map: 'a', values: [[1, true]], otherwise: null }, { a: 3 }, { a: null }],
    [{ wrap: '', key: 'value' }, 'text', { value: 'text' }],
    [{ unwrap: 'a', key: 'v' }, { a: { v: 1 } }, { a: 1 }],
  ]
  for (const [step, before, changed] of steps) {
    it(`change data by a step: ${JSON.stringify(step)}`, async () => {
      const log = await tidelog({ upcasters: [upcaster({ type: 'A', from: 1, steps: [step] })] })
      await log.append('course-1', { type: 'A', schemaVersion: 1, data: before })
      assert.deepEqual((await log.read().toArray()).map(({ data }) => data), [changed])
    })
  }

  const misfits: [why: string, given: Upcaster[], message: RegExp][] = [
    ['two from one version', [upcaster({ type: 'A', from: 1, into: [] }), upcaster({ type: 'A', from: 1, steps: [] })], /two upcasters from A version 1/],
    ['a circle', [upcaster({ type: 'A', from: 1, into: 'B' }), upcaster({ type: 'B', from: 1, into: 'A' })], /A 1 → B 1 → A 1/],
    ['a gap', [upcaster({ type: 'A', from: 1, steps: [] }), upcaster({ type: 'A', from: 3, steps: [] })], /no upcaster from A version 2/],
    ['a version that does not rise', [upcaster({ type: 'A', from: 2, into: { type: 'A', schemaVersion: 2 } })], /not above/],
    ['a function and steps', [upcaster({ type: 'A', from: 1, steps: [{ remove: 'a' }], upcast: () => [] })], /both a function and steps/],
  ]
  for (const [why, given, message] of misfits) {
    it(`that don't fit together keep a log from opening: ${why}`, async () => {
      await assert.rejects(tidelog({ upcasters: given }), (error) => {
        assert.ok(isTidelogError(error, 'invalid-upcasters'), String(error))
        assert.match(error.message, message)
        assert.equal(error.details.event, 'A')
        return true
      })
    })
  }

  it('with a step that is none are refused with its name', async () => {
    const bad = upcaster({ type: 'A', from: 1, steps: [{ explode: 'a' } as never] })
    await assert.rejects(tidelog({ upcasters: [bad] }), (error) => isTidelogError(error, 'invalid-argument') && /explode/.test(error.message))
  })
})

describe('events that the app does not know', () => {
  const newer = [{ type: 'LessonCompleted', data: { lesson: 'l1' } }, { type: 'CourseRated', data: { stars: 5 } }]
  it('are kept for readers and not evolved by', async () => {
    const log = await tidelog({})
    await log.append('course-1', newer)
    assert.equal((await log.read().toArray()).length, 2)
    assert.deepEqual(await log.load(course, '1'), { state: { lessons: ['l1'] }, version: 2 })
  })

  it('are left out with skip, and an error with error', async () => {
    const skipping = await tidelog({ unknownEvents: 'skip' })
    await skipping.append('course-1', newer)
    assert.deepEqual((await skipping.read().toArray()).map(({ type }) => type), ['LessonCompleted'])
    const strict = await tidelog({ unknownEvents: 'error' })
    await strict.append('course-1', newer)
    for (const reading of [strict.read().toArray(), strict.load(course, '1')]) {
      await assert.rejects(reading, (error) => isTidelogError(error, 'unknown-event') && error.details.event === 'CourseRated')
    }
    const listed = await tidelog({ unknownEvents: 'error', knownEvents: { LessonCompleted: 1, CourseRated: 1 } })
    await listed.append('course-1', newer)
    assert.equal((await listed.read().toArray()).length, 2)
    await listed.append('course-1', { type: 'CourseRated', schemaVersion: 2 })
    await assert.rejects(listed.read().toArray(), (error) => isTidelogError(error, 'unknown-event') && error.details.schemaVersion === 2)
  })
})
