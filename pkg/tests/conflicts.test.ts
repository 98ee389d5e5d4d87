/** Conflicts as the app meets them, over the real wasm and the server's own rules. What becomes of commits: the scenarios. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { aggregate, DomainError, isTidelogError, open, type Choice, type Met, type Policy, type RecordedEvent } from '../src/node.js'
import { command, given } from '../src/testing-node.js'
import { Device } from '../src/testing/device.js'
import { Clock } from '../src/testing/environment.js'
import type { Order } from '../src/testing/order.js'
import { StoryServer } from '../src/testing/server.js'
import { z } from 'zod'

type SheetCommand = { type: 'HandIn'; data: { answers: string } } | { type: 'Note'; data: { text: string } }
type SheetEvent = { type: 'HandedIn'; data: { answers: string } } | { type: 'Noted'; data: { text: string; again: boolean; arrived: number } }

const sheet = aggregate({
  name: 'sheet',
  initialState: { answers: [] as readonly string[], notes: [] as readonly string[] },
  decide(asked: SheetCommand, state, { replay, arrived }): SheetEvent {
    if (asked.type === 'Note') return { type: 'Noted', data: { ...asked.data, again: replay, arrived: arrived.length } }
    if (state.answers.length > 0) throw new DomainError('handed-in', 'an answer sheet is there already')
    return { type: 'HandedIn', data: asked.data }
  },
  evolve: (state, event: SheetEvent) =>
    event.type === 'HandedIn' ? { ...state, answers: [...state.answers, event.data.answers] } : { ...state, notes: [...state.notes, event.data.text] },
  policies: { HandIn: 'ask' },
  schemas: { events: { HandedIn: z.object({ answers: z.string().min(1) }) } },
})
const handIn = (answers: string): SheetCommand => ({ type: 'HandIn', data: { answers } })

/** A phone and a tablet have handed in; the phone was first, and the tablet knows. */
const bothHandIn = () =>
  given([])
    .device('phone', command(sheet, 'ada', handIn('phone')))
    .device('tablet', command(sheet, 'ada', handIn('tablet')))
    .sync('phone', 'tablet')

describe('conflicts', () => {
  it('are live, listed and found until they are answered', async () => {
    await bothHandIn()
      .thenOutcomes('tablet', 'asked')
      .then(async (world) => {
        const { conflicts, sync } = world.device('tablet')
        const seen: (number | undefined)[] = []
        const stop = conflicts.subscribe((all) => seen.push(all?.length))
        const [one] = await conflicts.ready
        assert.ok(one)
        assert.deepEqual(one.theirs.map(({ data }) => data), [{ answers: 'phone' }])
        assert.deepEqual((await conflicts.find(one.commitId))?.mine.map(({ data }) => data), [{ answers: 'tablet' }])
        assert.equal(sync.status.conflicts, 1)
        assert.equal(sync.status.state, 'offline')
        await conflicts.resolve(one.commitId, 'keep')
        assert.equal(await conflicts.find(one.commitId), undefined)
        while (seen.at(-1) !== 0) await new Promise((resolve) => setImmediate(resolve))
        stop()
        assert.deepEqual([seen[0], seen.includes(1)], [undefined, true])
        assert.deepEqual((await world.device('tablet').load(sheet, 'ada')).state.answers, ['phone', 'tablet'])
      })
  })

  it('take only answers that are answers, as the schemas of the aggregate would have them', async () => {
    await bothHandIn().then(async (world) => {
      const { conflicts } = world.device('tablet')
      const [one] = await conflicts.list()
      const id = one?.commitId ?? ''
      const wrong: [unknown, string][] = [
        ['maybe', 'invalid-argument'],
        [undefined, 'invalid-argument'],
        [{ events: [], command: handIn('x') }, 'invalid-argument'],
        [{ events: [] }, 'invalid-argument'],
        [{ events: { type: 'HandedIn', data: { answers: '' } } }, 'invalid-event'],
        [{ command: { type: 'HandIn', data: { answers: 1n } } }, 'not-json'],
        ['redecide', 'refused'],
      ]
      for (const [choice, code] of wrong) {
        await assert.rejects(conflicts.resolve(id, choice as Choice), (error) => isTidelogError(error) && error.code === code, String(choice))
      }
      await assert.rejects(conflicts.resolve('01992a10-7c00-7000-8000-000000000001', 'keep'), (error) => isTidelogError(error, 'unknown-commit'))
      assert.equal((await conflicts.list()).length, 1)
      await conflicts.resolve(id, { events: { type: 'HandedIn', data: { answers: 'both' } } })
      assert.deepEqual((await world.device('tablet').load(sheet, 'ada')).state.answers, ['phone', 'both'])
    })
  })

  it('are told to whoever iterates and whoever listens, until the tidelog is closed', async () => {
    const clock = new Clock()
    const server = new StoryServer(clock)
    const [phone, tablet] = await Promise.all(
      ['phone', 'tablet'].map((name, seed) => Device.open(open, name, { aggregates: [sheet] }, clock, server, seed + 1)),
    )
    assert.ok(phone && tablet)
    const note = (text: string): Order => command(sheet, 'bob', { type: 'Note', data: { text } })
    await phone.take(note('theirs'))
    await tablet.take(note('mine'))
    await phone.sync()

    const { conflicts } = tablet.tidelog
    const told: Met[] = []
    let stopped = 0
    const stop = conflicts.on(() => {
      stop()
      stopped++
    })
    conflicts.on((met) => told.push(met))
    const iterated: string[] = []
    const ended = (async () => {
      for await (const met of conflicts) iterated.push(met.status)
    })()
    await tablet.sync()
    while (iterated.length === 0) await new Promise((resolve) => setImmediate(resolve))
    const data = (events: readonly RecordedEvent[] | undefined) => events?.map((event) => event.data)
    assert.deepEqual([told.length, told[0]?.status, stopped], [1, 'redecided', 1])
    assert.deepEqual(data(told[0]?.before), [{ text: 'mine', again: false, arrived: 0 }])
    assert.deepEqual(data(told[0]?.after), [{ text: 'mine', again: true, arrived: 1 }])
    for (const device of [phone, tablet]) device.tidelog.close()
    await ended
    assert.deepEqual(iterated, ['redecided'])
  })

  it('have policies that are known words or functions', async () => {
    assert.throws(() => aggregate({ ...sheet, policies: { HandIn: 'perhaps' as Policy } }), (error) => isTidelogError(error, 'invalid-argument'))
    const log = await open({ name: 'policies', storage: 'memory', aggregates: [aggregate({ ...sheet, policies: { HandIn: () => 'keep' } })] })
    log.close()
  })

  it('reject what a merge function refuses or fails at', async () => {
    const stories: [() => never, string][] = [
      [() => { throw new DomainError('no', 'not so') }, 'rejected: no'],
      [() => { throw new TypeError('a bug') }, 'rejected: decide-failed'],
      [(() => Promise.resolve([])) as unknown as () => never, 'rejected: decide-failed'],
      [(() => undefined) as unknown as () => never, 'rejected: decide-failed'],
    ]
    for (const [merge, outcome] of stories) {
      const merging = aggregate({ ...sheet, policies: { HandIn: merge } })
      await given([])
        .device('phone', command(merging, 'ada', handIn('phone')))
        .device('tablet', command(merging, 'ada', handIn('tablet')))
        .sync('phone', 'tablet')
        .thenOutcomes('tablet', outcome)
    }
  })
})
