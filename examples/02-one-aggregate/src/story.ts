/** One aggregate at work: commands in, events kept, state watched. */
import assert from 'node:assert/strict'
import { isTidelogError, open, type Aggregate, type OpenOptions } from 'tidelog'
import type { CourseCommand, CourseEvent, CourseState } from './course.js'

/** Whatever language the course is written in: it is used in the same way. */
export async function tell(course: Aggregate<CourseState, CourseCommand, CourseEvent>, options: Partial<OpenOptions> = {}): Promise<void> {
  const tidelog = await open({ name: 'academy', storage: 'memory', aggregates: [course], actor: 'ada', ...options })

  // What a screen would show: it is called with every state there is.
  const live = tidelog.observe(course, 'algebra')
  const percent = (): number | undefined => {
    const state = live.get()?.state
    return state && Math.round((100 * state.completed.length) / Math.max(1, state.lessons.length))
  }
  const shown = (wanted: number): Promise<void> => new Promise((resolve) => void live.subscribe(() => percent() === wanted && resolve()))

  await tidelog.execute(course, 'algebra', { type: 'Enrol', data: { lessons: ['numbers', 'letters', 'equations'] } })
  await shown(0)

  for (const lesson of ['numbers', 'letters']) {
    const receipt = await tidelog.execute(course, 'algebra', { type: 'CompleteLesson', data: { lesson } })
    console.log(`${lesson}: durable at version ${receipt.version}, ${(await receipt.confirmed).status}`)
  }
  await shown(67)
  console.log(`the screen shows ${percent()} %`)

  // The same again has nothing to say: no event, no new version.
  const again = await tidelog.execute(course, 'algebra', { type: 'CompleteLesson', data: { lesson: 'letters' } })
  assert.deepEqual([again.events.length, again.version], [0, 3])
  console.log(`letters again: ${again.events.length} events`)

  // What a rule forbids is refused with the rule's own words, and leaves no trace.
  try {
    await tidelog.execute(course, 'algebra', { type: 'CompleteLesson', data: { lesson: 'calculus' } })
    assert.fail('there is no such lesson')
  } catch (error) {
    if (!isTidelogError(error, 'refused')) throw error
    console.log(`refused (${error.details.detail}): ${error.message}`)
  }
  assert.equal(tidelog.version('course-algebra'), 3)

  // One command may lead to several events; they are appended together or not at all.
  const last = await tidelog.execute(course, 'algebra', { type: 'CompleteLesson', data: { lesson: 'equations' } })
  console.log(`equations: ${last.events.map(({ type }) => type).join(', ')}`)
  await shown(100)

  const { state, version } = await tidelog.load(course, 'algebra')
  assert.equal(state.finished, true)
  const { state: earlier } = await tidelog.load(course, 'algebra', { at: 2 })
  console.log(`at version ${version}: ${state.completed.length} lessons; at version 2: ${earlier.completed.length}`)
  console.log('what is kept:')
  for await (const event of tidelog.read({ stream: 'course-algebra' })) console.log(`  ${event.version}. ${event.type} ${JSON.stringify(event.data)}`)
  tidelog.close()
}
