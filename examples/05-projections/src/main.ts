/** Projections: rows that follow the log, asked, watched, made anew. */
import assert from 'node:assert/strict'
import { open, type BulkCommit, type TidelogError } from 'tidelog'
import { courses, progress, reading, type LearningEvent } from './views.js'

// Failures that nobody awaits reach the app here; an app would report them.
const told: TidelogError[] = []
const tidelog = await open({ name: 'learning', storage: 'memory', projections: [progress, courses], onError: (error) => told.push(error) })

// A term: 200 learners in two courses, each at their own pace.
const names = Array.from({ length: 200 }, (_, index) => `learner${String(index).padStart(3, '0')}`)
const completed = (learner: string, course: string, minutes: number): BulkCommit => ({
  stream: `learning-${learner}`,
  events: [{ type: 'LessonCompleted', data: { learner, course, minutes } } satisfies LearningEvent],
})
const term = names.flatMap((learner, index) =>
  Array.from({ length: 1 + (index % 10) }, (_, lesson) => completed(learner, index % 3 === 0 ? 'algebra' : 'logic', 10 + ((index * 7 + lesson * 13) % 50))),
)
const { events } = await tidelog.appendAll(term)
console.log(`${events} lessons completed`)

// Background rows follow the log; whoever needs them up to a point waits for it, and says so.
await tidelog.projections.waitFor(progress)
const { rows: count, lag, state } = await tidelog.projections.status(progress)
console.log(`progress: ${count} rows, ${state}, ${lag} events behind`)
console.log(`courses: ${(await tidelog.rows(courses)).map(([course, { lessons }]) => `${course} ${lessons}`).join(', ')}`)

// Ask: where, order, limit, and how many there are beyond the page.
const busy = await tidelog.query(progress, { where: { course: 'algebra', minutes: { gte: 300 } }, orderBy: ['-minutes', 'learner'], limit: 3 }).ready
console.log(`algebra, 300 minutes and more: ${busy.count} learners`)
for (const [, { learner, lessons, minutes }] of busy.rows) console.log(`  ${learner}: ${lessons} lessons, ${minutes} minutes`)

// Watch: the same question stays answered while the log goes on.
const beginners = tidelog.query(progress, { where: { lessons: 1 }, limit: 0 })
const beginning = (await beginners.ready).count
const fewer = new Promise<void>((resolve) => void beginners.subscribe((page) => page?.count === beginning - 1 && resolve()))
await tidelog.append('learning-learner000', { type: 'LessonCompleted', data: { learner: 'learner000', course: 'algebra', minutes: 20 } })
await fewer
console.log(`with one lesson only: ${beginning}, and now ${beginning - 1}`)

// An event that the rows can't take in parks its stream: what comes after it there waits, other learners go on.
await tidelog.append('learning-learner007', { type: 'LessonCompleted', data: { learner: 'learner007', course: 'logic', minutes: 'half an hour' } })
await tidelog.append('learning-learner007', { type: 'LessonCompleted', data: { learner: 'learner007', course: 'logic', minutes: 15 } })
await tidelog.append('learning-learner008', { type: 'LessonCompleted', data: { learner: 'learner008', course: 'logic', minutes: 15 } })
await tidelog.projections.waitFor(progress)
const [parked] = await tidelog.projections.deadLetters.list(progress)
assert.ok(parked)
console.log(`parked: ${parked.stream} at version ${parked.version}, ${parked.waiting} events wait`)
const before = { seven: await tidelog.row(progress, 'learner007 logic'), eight: await tidelog.row(progress, 'learner008 logic') }
console.log(`learner007 has ${before.seven?.lessons} lessons, learner008 has ${before.eight?.lessons}`)

// The next release reads such words. What waited is taken in, in its order.
const strict = reading.minutes
reading.minutes = (given) => (given === 'half an hour' ? 30 : strict(given))
const { streams, failed } = await tidelog.projections.deadLetters.replay(progress)
const after = await tidelog.row(progress, 'learner007 logic')
console.log(`replayed: ${streams} stream, ${failed} failed; learner007 has ${after?.lessons} lessons`)
assert.equal(after!.lessons, before.seven!.lessons + 2)

// Rows are derived: they can be made anew at any time, beside those that are read.
const kept = await tidelog.rows(progress)
const done = await tidelog.projections.rebuild(progress)
assert.deepEqual(await tidelog.rows(progress), kept)
assert.equal(done.done, true)
console.log(`made anew from ${tidelog.version('learning-learner007')} events of learner007 and everybody else's: the same ${kept.length} rows`)
assert.ok(told.every(({ code }) => code === 'projection-failed'))
tidelog.close()
