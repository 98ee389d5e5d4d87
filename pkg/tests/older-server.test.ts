/** A server that is older than this app: events go out in the shapes that it knows. Over the real wasm and the real rules of a server. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { aggregate, isTidelogError, open, upcaster, type OpenOptions } from '../src/node.js'
import { Device } from '../src/testing/device.js'
import { Clock } from '../src/testing/environment.js'
import { StoryServer } from '../src/testing/server.js'

type Completed = { type: 'LessonCompleted'; data: { lesson: string } }
const course = aggregate({
  name: 'course',
  initialState: { lessons: [] as string[] },
  decide: (command: { type: 'Complete'; data: { lesson: string } }): Completed => ({ type: 'LessonCompleted', data: command.data }),
  evolve: (state, event: Completed) => ({ lessons: [...state.lessons, event.data.lesson] }),
  events: ['LessonCompleted'],
})

const upcasters = [
  upcaster({ type: 'LessonCompleted', from: 1, steps: [{ rename: 'name', to: 'lesson' }] }),
  upcaster({ type: 'Praised', from: 1, steps: [{ remove: 'why' }] }),
]

/** A device whose sync has further options. */
const device = (clock: Clock, server: StoryServer, seed: number, pushAs?: Record<string, number>): Promise<Device> => {
  const openWith = (options: OpenOptions) => open({ ...options, sync: { ...options.sync!, ...(pushAs && { pushAs }) } })
  return Device.open(openWith, `device ${seed}`, { aggregates: [course], upcasters }, clock, server, seed)
}

const complete = (one: Device, id: string, lesson: string) => one.tidelog.execute(course, id, { type: 'Complete', data: { lesson } })

it('gets events in the shape that it knows; they come back in today’s', async () => {
  const [clock, server] = [new Clock(), new StoryServer(new Clock())]
  const [phone, tablet] = [await device(clock, server, 1, { LessonCompleted: 1 }), await device(clock, server, 2)]
  const receipt = await complete(phone, 'ada', 'l1')
  assert.deepEqual(receipt.events.map(({ schemaVersion, data }) => [schemaVersion, data]), [[2, { lesson: 'l1' }]])
  await phone.sync()
  const there = server.commits().map(({ commit }) => commit)
  assert.deepEqual(there.map(({ id, events }) => [id, events.map(({ id, schemaVersion, data }) => [id, schemaVersion, data])]), [
    [receipt.commitId, [[receipt.events[0]!.id, 1, { name: 'l1' }]]],
  ])
  assert.equal((await receipt.confirmed).status, 'confirmed')
  await tablet.sync()
  for (const { tidelog } of [phone, tablet]) {
    assert.deepEqual((await tidelog.load(course, 'ada')).state.lessons, ['l1'])
    assert.deepEqual((await tidelog.read().toArray()).map(({ schemaVersion, data }) => [schemaVersion, data]), [[2, { lesson: 'l1' }]])
    tidelog.close()
  }
})

it('never gets what has no way back: that is rejected and kept, and other commits go on', async () => {
  const [clock, server] = [new Clock(), new StoryServer(new Clock())]
  const phone = await device(clock, server, 1, { LessonCompleted: 1, Praised: 1 })
  const lost = await phone.tidelog.append('course-ada', [{ type: 'Praised', data: { stars: 5 } }])
  const later = await complete(phone, 'ada', 'l1')
  await phone.sync()
  const outcome = await lost.confirmed
  assert.ok(outcome.status === 'rejected' && outcome.reason.code === 'no-downcast', JSON.stringify(outcome))
  assert.match(outcome.reason.message, /Praised version 2/)
  assert.equal((await later.confirmed).status, 'rebased')
  assert.deepEqual((await phone.tidelog.rejected.list()).map(({ commitId }) => commitId), [lost.commitId])
  assert.deepEqual(server.commits().map(({ commit }) => commit.events[0]?.data), [{ name: 'l1' }])
  phone.tidelog.close()
})

it('must know a version that the upcasters lead on from', async () => {
  const sync = { url: 'http://server.invalid', pushAs: { Watched: 1 } }
  const opening = open({ name: 'gap', storage: 'memory', upcasters: [upcaster({ type: 'Watched', from: 2, steps: [] })], sync })
  await assert.rejects(opening, (error) => isTidelogError(error, 'invalid-upcasters') && /no upcaster from Watched version 1/.test(error.message))
  const none = open({ name: 'none', storage: 'memory', sync: { ...sync, pushAs: { Watched: 0 } } })
  await assert.rejects(none, (error) => isTidelogError(error, 'invalid-argument'))
})
