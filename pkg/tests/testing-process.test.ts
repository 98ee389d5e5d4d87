/** The testing kit's stories about process managers: what they accept, and what their errors say. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isTidelogError, processManager, reaction } from '../src/index.js'
import { command, given, happened } from '../src/testing-node.js'
import { badge, certificate, certification, day, inbox, way } from './scenarios/academy.js'

const lesson = happened(way, 'ada', { type: 'LessonDone' })
const completed = happened(way, 'ada', { type: 'CourseCompleted' })
const annulled = happened(way, 'ada', { type: 'ExamAnnulled' })
const left = happened(way, 'ada', { type: 'CourseLeft' })
const give = [command(certificate, 'ada', { type: 'Give' }), command(badge, 'ada', { type: 'Give' })]
const takeBack = [command(badge, 'ada', { type: 'TakeBack' }), command(certificate, 'ada', { type: 'TakeBack' })]
const remind = command(inbox, 'ada', { type: 'Remind' })

/** The message of what a story ends with. */
async function message(story: PromiseLike<void>): Promise<string> {
  try {
    await story
  } catch (thrown) {
    assert.ok(thrown instanceof Error)
    assert.equal(thrown.name, 'AssertionError')
    return thrown.message
  }
  return assert.fail('the story holds')
}

describe('a story about a process manager', () => {
  it('has commands that an event leads to, and those that make up for them', async () => {
    await given(certification, [lesson])
      .thenNothing()
      .thenState('ada', { lessons: 1 })
      .thenWaits('ada', { idle: 7 * day })
      .when(completed)
      .thenCommands(...give)
      .thenWaits('ada', {})
      .thenStatus('ada', 'running')
      .when(annulled)
      .thenCommands(...takeBack)
      .thenStatus('ada', 'compensated')
      .thenStatus('bob', undefined)
      .thenState('bob', undefined)
  })

  it('has time, and timeouts that ring in it', async () => {
    await given(certification)
      .when(lesson)
      .later(6 * day)
      .when(lesson)
      .later(6 * day)
      .thenNothing()
      .thenWaits('ada', { idle: day })
      .later(day)
      .thenCommands(remind)
      .later(14 * day)
      .thenCommands(remind, remind)
      .when(left)
      .later(30 * day)
      .thenNothing()
      .thenStatus('ada', 'ended')
  })

  it('has commands that are refused', async () => {
    await given(certification).refuse('badge-ada', 'locked').when(completed).thenCommands(give[0]!, takeBack[1]!).thenStatus('ada', 'compensated')
    await given(certification).when(completed).refuse('certificate-ada', 'locked').when(annulled).thenCommands(...give, takeBack[0]!).thenStatus('ada', 'failed')
  })

  it('knows what its history led to as done', async () => {
    await given(certification, [completed]).thenNothing().when(annulled).thenCommands(...takeBack)
  })

  it('gives the functions what the log gives them', async () => {
    const met: unknown[] = []
    const clerk = processManager({
      name: 'clerk',
      initialState: null,
      correlate: (event: { type: string; data?: unknown; stream: string }) => ({ start: event.stream }),
      react(_, event, context) {
        met.push([event.type, event.data, event.metadata.actor, context.now.getTime() - Date.UTC(2026, 0, 1), context.instance])
        return reaction.send(inbox, '1', { type: 'Remind' })
      },
    })
    await given(clerk, []).later(5).when(happened('desk-1', { type: 'Noted', data: { a: 1 } }).by('ada')).thenCommands(command(inbox, '1', { type: 'Remind' }))
    assert.deepEqual(met.at(-1), ['Noted', { a: 1 }, 'ada', 5, 'desk-1'], 'and nothing of the stand-ins')
  })

  it('shows what differs line by line', async () => {
    const done = given(certification).when(completed)
    assert.match(await message(done.thenCommands(give[1]!, give[0]!)), /the commands differ:\n- expected\n\+ actual\n[^]*\n-\s+"stream": "badge-ada"/)
    assert.match(await message(done.thenCommands(give[0]!)), /\n\+\s+"stream": "badge-ada"/)
    assert.match(await message(done.thenNothing()), /the commands differ:\n- expected\n\+ actual\n- \[\]\n\+ \[/)
    assert.match(await message(done.thenStatus('ada', 'ended')), /the statuses of ada differ:\n- expected\n\+ actual\n- "ended"\n\+ "running"/)
    assert.match(await message(done.thenState('ada', { lessons: 3 })), /the states of ada differ[^]*\n-\s+"lessons": 3\n\+\s+"lessons": 0/)
    assert.match(await message(done.thenState('ada', undefined)), /\n- undefined\n/)
    assert.match(await message(given(certification).when(lesson).thenWaits('ada', { idle: day })), /the timeouts of ada differ[^]*\n-\s+"idle": 86400000\n\+\s+"idle": 604800000/)
  })

  it('ends with the bug of a function, and with one that never rests', async () => {
    const broken = processManager({ name: 'broken', initialState: 0, correlate: (_: { type: string }) => ({ start: '1' }), react: () => (undefined as unknown as { x: never }).x })
    await assert.rejects(async () => given(broken).when(lesson), /process manager broken failed at .*LessonDone: Cannot read properties/)
    const restless = processManager({
      name: 'restless',
      initialState: 0,
      correlate: (_: { type: string }) => ({ start: '1' }),
      react: () => reaction.after('again', 0),
      onTimeout: () => reaction.after('again', 0),
    })
    assert.match(await message(given(restless).when(lesson)), /process manager restless does not come to rest/)
    assert.throws(() => given(certification).later(-1), (error) => isTidelogError(error, 'invalid-argument'))
    assert.throws(() => given(certification, 5 as never), (error) => isTidelogError(error, 'invalid-argument'))
  })

  it('is the same every time, and can be told again', async () => {
    const story = given(certification, [lesson]).when(completed).thenCommands(...give)
    await story
    await story
  })
})
