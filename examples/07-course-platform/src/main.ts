/** A term on the course platform. */
import assert from 'node:assert/strict'
import { open, type BulkCommit } from 'tidelog'
import { certificate, badges } from './domain/certificate.js'
import { course } from './domain/course.js'
import { enrolment, of } from './domain/enrolment.js'
import { exam } from './domain/exam.js'
import { offline } from './offline.js'
import { upcasters } from './upcasters.js'
import { catalogue, progress } from './views.js'

// The calendar of the term, so that this runs the same on every day.
const day = 86_400_000
const termBegins = Date.UTC(2026, 8, 1, 8)
let clock = termBegins

const tidelog = await open({
  name: 'platform',
  storage: 'memory',
  aggregates: [course, enrolment, exam, certificate, badges],
  projections: [progress, catalogue],
  upcasters,
  environment: { now: () => clock },
})

console.log('1. The catalogue')
// Algebra comes from last year's log, in last year's shapes. It is read in today's.
const lastYear: BulkCommit[] = [
  { stream: 'course-algebra', events: [{ type: 'CoursePublished', schemaVersion: 1, data: { title: 'Algebra', lessons: ['Numbers', 'Letters', 'Equations', 'Proofs'] }, occurredAt: termBegins - 365 * day }] },
  {
    stream: 'enrolment-grace.algebra',
    events: [
      { type: 'LearnerEnrolled', schemaVersion: 1, data: { learner: 'grace', course: 'algebra', lessons: ['numbers', 'letters', 'equations', 'proofs'] }, occurredAt: termBegins - 360 * day },
      { type: 'LessonDone', schemaVersion: 1, data: { unit: 'numbers' }, occurredAt: termBegins - 350 * day },
    ],
  },
]
await tidelog.appendAll(lastYear)
await tidelog.execute(course, 'logic', {
  type: 'PublishCourse',
  data: { title: 'Logic', lessons: ['and', 'or', 'not'].map((id) => ({ id, title: id.toUpperCase(), minutes: 20 })) },
})
for (const id of ['algebra', 'logic']) {
  const { state } = await tidelog.load(course, id)
  console.log(`  ${state.title}: ${state.lessons.map(({ title, minutes }) => `${title} (${minutes} min)`).join(', ')}`)
}

console.log('2. The term')
const learners = Array.from({ length: 24 }, (_, index) => `learner${String(index + 1).padStart(2, '0')}`)
for (const [index, learner] of learners.entries()) {
  const id = index % 3 === 0 ? 'algebra' : 'logic'
  const lessons = (await tidelog.load(course, id)).state.lessons.map((lesson) => lesson.id)
  clock = termBegins + (index % 5) * day
  await tidelog.execute(enrolment, of(learner, id), { type: 'Enrol', data: { learner, course: id, lessons } }, { actor: learner })
  for (const lesson of lessons.slice(0, (index * 7) % (lessons.length + 1))) {
    clock += 2 * day
    await tidelog.execute(enrolment, of(learner, id), { type: 'CompleteLesson', data: { lesson, minutes: 15 + ((index * 7) % 20) } }, { actor: learner })
  }
}
clock = termBegins + 30 * day
for (const [, { title, lessons, enrolled, finished }] of await tidelog.rows(catalogue)) {
  console.log(`  ${title}: ${lessons} lessons, ${enrolled} enrolled, ${finished} finished`)
}

console.log("3. The teacher's questions")
const best = await tidelog.query(progress, { where: { course: 'logic', percent: 100 }, orderBy: ['minutes', 'learner'], limit: 3 }).ready
console.log(`  finished logic: ${best.count}; quickest: ${best.rows.map(([, { learner, minutes }]) => `${learner} (${minutes} min)`).join(', ')}`)
const lost = await tidelog.query(progress, { where: { percent: { lt: 100 }, last: { lt: clock - 21 * day } }, orderBy: ['last', 'learner'], limit: 4 }).ready
console.log(`  not heard of for three weeks: ${lost.count}; first: ${lost.rows.map(([, { learner, percent }]) => `${learner} (${percent} %)`).join(', ')}`)
assert.equal(lost.rows[0]?.[1].learner, 'grace')

console.log("4. Ada's phone and tablet, both offline")
await offline()

console.log('5. The exam')
const quickest = of('learner02', 'logic')
await tidelog.execute(exam, quickest, { type: 'Answer', data: { question: 'q1', answer: 'A' } }, { actor: 'learner02' })
await tidelog.execute(exam, quickest, { type: 'HandIn' }, { actor: 'learner02' })
const graded = await tidelog.execute(exam, quickest, { type: 'Grade', data: { points: 9, of: 10 } }, { actor: 'examiner lee' })
const [passed] = graded.events
assert.equal(passed?.type, 'ExamPassed')
// The certificate is issued once for this event, from wherever and however often it is asked for.
const issue = () => tidelog.execute(certificate, quickest, { type: 'IssueCertificate', data: { points: 9 } }, { commandId: `certificate for ${passed.id}`, causationId: passed.id })
await issue()
await issue()
await tidelog.execute(badges, 'learner02', { type: 'GrantBadge', data: { badge: 'logic' } }, { causationId: passed.id })
console.log(`  learner02: ${JSON.stringify(await tidelog.row(progress, quickest))}`)
assert.equal(tidelog.version(`certificate-${quickest}`), 1)

console.log('6. What was known on the 10th of September?')
const then = await tidelog.rows(progress, { knownAt: new Date(Date.UTC(2026, 8, 10)) })
const now = await tidelog.rows(progress)
const sum = (rows: typeof now): number => rows.reduce((lessons, [, row]) => lessons + row.completed, 0)
console.log(`  then: ${then.length} enrolments, ${sum(then)} lessons completed; now: ${now.length}, ${sum(now)}`)
for (const { name, state, rows, lag } of (await tidelog.projections.ready)) console.log(`  ${name}: ${state}, ${rows} rows, ${lag} events behind`)
tidelog.close()
