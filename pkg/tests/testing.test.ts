/** The testing kit, on the domain of the scenarios: what it accepts, and what its errors say. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { aggregate, projection, upcaster } from '../src/index.js'
import { command, given, happened, type Story } from '../src/testing-node.js'
import { course, exam, lessonDone, progress } from './scenarios/domain.js'

const completed = (lesson: string) => ({ type: 'LessonCompleted' as const, data: { lesson } })
const complete = (lesson: string) => ({ type: 'CompleteLesson' as const, data: { lesson } })
const ensure = (lesson: string) => ({ type: 'EnsureLesson' as const, data: { lesson } })
const answer = (text: string) => ({ type: 'Answer' as const, data: { question: 1, answer: text } })

/** The message of what a story ends with. */
function message(story: () => unknown): string {
  try {
    story()
  } catch (thrown) {
    assert.ok(thrown instanceof Error)
    assert.equal(thrown.name, 'AssertionError')
    return thrown.message
  }
  return assert.fail('the story holds')
}

describe('a story about an aggregate', () => {
  it('has a command that meets what has happened', () => {
    given(course, [completed('l1')]).when(complete('l2')).then(completed('l2')).thenState({ lessons: ['l1', 'l2'] })
    given(course, [completed('l1')]).when(complete('l1')).thenRefused('lesson-already-completed')
    given(course, [completed('l1')]).when(complete('l1')).thenRefused('lesson l1 is completed already')
    given(course, [completed('l1')]).when(complete('l1')).thenRefused(/completed/)
    given(course, [completed('l1')]).when(ensure('l1')).thenNothing()
    given(course).when(complete('l1')).then([completed('l1')])
    given(course, [completed('l1')]).thenState({ lessons: ['l1'] })
  })

  it('gives decide the context that is told', () => {
    const clerk = aggregate({
      name: 'clerk',
      initialState: null,
      decide: (_: { type: 'Note' }, __, { actor, id, now, version }): { type: 'Noted'; data: unknown }[] => [{ type: 'Noted', data: { actor, id, now: now.getTime(), version } }],
      evolve: (state, _: { type: 'Noted'; data: unknown }) => state,
    })
    const note = { type: 'Note' as const }
    given(clerk).when(note).then({ type: 'Noted', data: { id: '1', now: 1_767_225_600_000, version: 0 } })
    given(clerk, [{ type: 'Noted', data: 0 }]).by('ada').of('desk').at(new Date(5)).when(note).then({ type: 'Noted', data: { actor: 'ada', id: 'desk', now: 5, version: 1 } })
  })

  it('shows what differs line by line', () => {
    const l1 = given(course, [completed('l1')])
    assert.match(message(() => l1.when(complete('l2')).then(completed('l3'))), /the events differ[^]*\n-\s+"lesson": "l3"\n\+\s+"lesson": "l2"/)
    assert.match(message(() => l1.when(complete('l1')).then([])), /was refused: lesson l1 is completed already \(lesson-already-completed\)/)
    assert.match(message(() => l1.when(complete('l2')).thenRefused()), /was to be refused[^]*LessonCompleted/)
    assert.match(message(() => l1.when(complete('l1')).thenRefused('other')), /- other\n\+ lesson l1 is completed already \(lesson-already-completed\)/)
    assert.match(message(() => l1.thenState({ lessons: ['l2'] })), /\n-\s+"l2"\n\+\s+"l1"/)
  })

  it('lets a bug be a bug, and a function that changes what it was given fail', () => {
    const broken = aggregate({
      name: 'broken',
      initialState: () => ({ list: [] as string[] }),
      decide: (asked: { type: 'Undefined' | 'Push' | 'BigInt' }, state): { type: 'Pushed'; data?: unknown }[] => {
        if (asked.type === 'Undefined') return (undefined as unknown as { x: never }).x
        if (asked.type === 'BigInt') return [{ type: 'Pushed', data: 1n }]
        state.list.push('here')
        return []
      },
      evolve: (state, _: { type: 'Pushed'; data?: unknown }) => {
        state.list.push('there')
        return state
      },
    })
    assert.throws(() => given(broken).when({ type: 'Undefined' }).thenRefused(), TypeError)
    assert.throws(() => given(broken).when({ type: 'Push' }).thenNothing(), /not extensible/)
    assert.throws(() => given(broken).when({ type: 'BigInt' }).then([]), /bigint/)
    assert.throws(() => given(broken, [{ type: 'Pushed' }]).thenState({ list: [] }), /not extensible/)
  })

  it('says so if somebody awaits it', async () => {
    const awaited = given(course).when(complete('l1')) as unknown as PromiseLike<void>
    await assert.rejects(async () => await awaited, /needs no await/)
  })
})

describe('a story about a projection', () => {
  const events = [
    happened(course, 'ada', completed('l1'), completed('l2')),
    happened('course-bob', completed('l1')).by('bob'),
    happened(exam, 'ada', { type: 'HandedIn', data: { answers: {} } }),
  ]

  it('has rows', () => {
    given(progress, events).then({ ada: { done: 2, last: 'l2' }, bob: { done: 1, last: 'l1' } }).thenRow('ada', { done: 2, last: 'l2' }).thenRow('cyd', undefined)
    given(progress, [...events, happened(course, 'ada', { type: 'CourseLeft' })]).thenRow('ada', undefined)
    const byActor = projection({ name: 'by-actor', from: [course], initial: 0, key: (event) => event.metadata.actor, on: { LessonCompleted: (row) => row + 1 } })
    given(byActor, events).then({ bob: 1 })
  })

  it('shows what differs', () => {
    assert.match(message(() => given(progress, events).thenRow('ada', { done: 3, last: 'l2' })), /the rows of ada differ[^]*-\s+"done": 3/)
    const broken = projection({ name: 'broken', from: [course], initial: 0, key: () => 'k', on: { LessonCompleted: () => undefined as never } })
    assert.throws(() => given(broken, events), /projection broken failed: .*it returned undefined/)
  })
})

describe('a story about upcasters', () => {
  it('has shapes in and shapes out', async () => {
    await given(lessonDone, { type: 'LessonDone', data: { unit: 'l1' } }).then({ type: 'LessonCompleted', schemaVersion: 2, data: { lesson: 'l1' } })
    await given([lessonDone], { type: 'Other', data: 1 }).then([{ type: 'Other', data: 1 }])
    const dropped = upcaster({ type: 'Opened', from: 1, upcast: () => [] })
    await given([lessonDone, dropped], { type: 'Opened' }).then([])
    await given(lessonDone, { type: 'LessonDone', data: {} }).thenFails('missing field')
  })

  it('shows what differs', async () => {
    await assert.rejects(given(lessonDone, { type: 'LessonDone', data: { unit: 'l1' } }).then([]), /the shapes differ/)
    await assert.rejects(given(lessonDone, { type: 'LessonDone', data: {} }).thenFails('other'), /does not say other/)
    await assert.rejects(given(lessonDone, { type: 'Fine' }).thenFails(), /was to fail/)
  })
})

describe('a story about devices that were offline', () => {
  /** Phone and tablet were offline: both completed l1, each one more; the phone handed in the exam, the tablet edited it. */
  const twoDevices = (): Story =>
    given([happened(exam, 'ada', { type: 'Answered', data: { question: 1, answer: 'x' } }).by('ada')])
      .with({ projections: [progress] })
      .device('phone', command(course, 'ada', complete('l1')), command(course, 'ada', complete('l2')), command(exam, 'ada', { type: 'HandIn' }))
      .device('phone', command(exam, 'ada', answer('z')).refused('exam-handed-in'))
      .device('tablet', command(course, 'ada', complete('l1')), command(course, 'ada', complete('l3')), command(exam, 'ada', answer('y')))

  it('ends in agreement, whoever comes first', async () => {
    await twoDevices()
      .sync('phone', 'tablet')
      .thenState(course, 'ada', { lessons: ['l1', 'l2', 'l3'] })
      .thenState(exam, 'ada', { answers: { 1: 'x' }, handedIn: true })
      .thenRow(progress, 'ada', { done: 3, last: 'l3' })
      .thenEvents(course, 'ada', ['l1', 'l2', 'l3'].map(completed))
      .thenOutcomes('phone', 'confirmed', 'confirmed', 'confirmed')
      .thenOutcomes('tablet', 'rejected: lesson-already-completed', 'rebased', 'rejected: exam-handed-in')
      .thenRejected('tablet', 2)
      .thenRejected('phone', 0)
    await twoDevices()
      .sync('tablet', 'phone')
      .thenState(exam, 'ada', { answers: { 1: 'x' }, handedIn: true })
      .thenOutcomes('tablet', 'confirmed', 'confirmed', 'confirmed')
      .thenOutcomes('phone', 'rejected: lesson-already-completed', 'rebased', 'rebased')
  })

  it('goes on after a sync', async () => {
    await twoDevices()
      .sync('phone')
      .thenOutcomes('tablet', 'pending', 'pending', 'pending')
      .device('laptop', command(course, 'ada', complete('l2')).refused('lesson-already-completed'))
      .device('phone', command(course, 'ada', complete('l4')))
      .later(60_000)
      .sync('tablet', 'laptop', 'phone')
      .thenEvents(course, 'ada', ['l1', 'l2', 'l3', 'l4'].map(completed))
      .then(async (world) => {
        const recorded = world.commits().map(({ recordedAt }) => recordedAt)
        assert.equal(recorded.at(-1)! - recorded[0]!, 60_000)
        assert.equal((await world.device('laptop').read().toArray()).length, recorded.length)
        assert.equal((await world.device('tablet').rejected.list()).length, 2)
      })
  })

  it('can be awaited and looked at', async () => {
    const world = await given([]).device('phone', command(course, 'ada', complete('l1'))).sync('phone')
    assert.deepEqual((await world.device('phone').load(course, 'ada')).state, { lessons: ['l1'] })
    world.close()
    assert.ok(world.device('phone').closed)
  })

  it('says so when it does not hold, or is told wrong', async () => {
    const fails = async (story: PromiseLike<unknown>, expected: RegExp): Promise<void> => {
      await assert.rejects(async () => void (await story), expected)
    }
    await fails(twoDevices().sync('watch'), /no device watch/)
    await fails(twoDevices().thenRejected('watch', 0), /no device watch/)
    await fails(twoDevices().thenState(exam, 'ada', { answers: {}, handedIn: false }), /let one sync first/)
    await fails(twoDevices().device('phone', command(course, 'ada', complete('l1'))), /lesson l1 is completed already/)
    await fails(twoDevices().device('phone', command(course, 'ada', complete('l9')).refused('x')), /but was accepted/)
    await fails(twoDevices().device('phone', command(course, 'ada', complete('l1')).refused('x')), /was to be refused with x, but: lesson l1/)
    await fails(twoDevices().sync('phone').thenOutcomes('phone', 'confirmed'), /the outcomes on phone differ/)
    await fails(twoDevices().sync('phone').thenRejected('phone', 1), /keeps 0/)
    await fails(twoDevices().sync('phone').thenEvents(course, 'ada', []), /the events of course-ada differ/)
    await assert.rejects(twoDevices().then(() => assert.fail('looked')), /looked/)
    assert.throws(() => given(5 as never), /given\(\) takes/)
  })

  it('is the same every time', async () => {
    const ids = (): Promise<string[]> => twoDevices().sync('phone', 'tablet').then((world) => world.commits().map(({ commit }) => commit.id))
    assert.deepEqual(await ids(), await ids())
  })
})
