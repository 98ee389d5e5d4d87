/** A course platform in two languages: the rules that bind a learner are written in Rust, the catalogue in TypeScript. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { aggregate, isTidelogError, open, rustAggregate, rustProcess, rustProjection } from 'tidelog'
import * as wasm from './wasm/platform.js'

// A browser fetches the wasm from beside its JavaScript; Node.js can't, so it is read (this runs as build/main.js).
await wasm.default({ module_or_path: await readFile(new URL('../wasm/platform_bg.wasm', import.meta.url)) })

// What crosses from Rust and to it, as serde writes and reads it.
type EnrolmentCommand =
  | { type: 'Enrol'; data: { learner: string; course: string; lessons: readonly string[] } }
  | { type: 'CompleteLesson'; data: { lesson: string; minutes: number } }
type EnrolmentEvent =
  | { type: 'LearnerEnrolled'; data: { learner: string; course: string; lessons: readonly string[] } }
  | { type: 'LessonCompleted'; data: { lesson: string; minutes: number } }
  | { type: 'LessonsFinished'; data: { learner: string; course: string } }
interface EnrolmentState {
  readonly completed: readonly string[]
}
type ExamCommand =
  | { type: 'Answer'; data: { question: string; answer: string } }
  | { type: 'HandIn' }
  | { type: 'Grade'; data: { points: number; of: number } }
type ExamEvent = { type: 'QuestionAnswered' | 'ExamHandedIn' | 'ExamPassed' | 'ExamFailed'; data: unknown }
interface ExamState {
  readonly answers: Readonly<Record<string, string>>
  readonly status: 'open' | 'handed-in' | 'passed' | 'failed'
}
interface Row {
  readonly lessons: number
  readonly completed: number
  readonly minutes: number
  readonly exam: string
}
const enrolment = rustAggregate<EnrolmentState, EnrolmentCommand, EnrolmentEvent>('enrolment')
const exam = rustAggregate<ExamState, ExamCommand, ExamEvent>('exam')
const learners = rustProjection<Row>('learners')
const invitation = rustProcess<{ readonly learner: string; readonly course: string }>('invitation')

// Beside them, in the same log, aggregates in TypeScript. The process in Rust writes to the inbox.
type Published = { type: 'CoursePublished'; data: { lessons: readonly string[] } }
const course = aggregate({
  name: 'course',
  initialState: { lessons: [] as readonly string[] },
  decide: ({ data }: { type: 'PublishCourse'; data: Published['data'] }, _state): Published[] => [{ type: 'CoursePublished', data }],
  evolve: (_state, { data }: Published) => data,
})
type Letter = { type: 'LearnerInvited' | 'LearnerReminded'; data: string }
const inbox = aggregate({
  name: 'inbox',
  initialState: [] as readonly string[],
  decide: ({ type, data }: { type: 'Invite' | 'Remind'; data: string }): Letter => ({ type: type === 'Invite' ? 'LearnerInvited' : 'LearnerReminded', data }),
  evolve: (letters, { type, data }: Letter) => [...letters, `${type === 'LearnerInvited' ? 'invited' : 'reminded'}: the exam in ${data}`],
})

const day = 86_400_000
let clock = Date.UTC(2026, 8, 1, 8)
const tidelog = await open({
  name: 'platform',
  storage: 'memory',
  wasm,
  aggregates: [course, enrolment, exam, inbox],
  projections: [learners],
  processes: [invitation],
  environment: { now: () => clock },
})

await tidelog.execute(course, 'logic', { type: 'PublishCourse', data: { lessons: ['and', 'or', 'not'] } })
const { lessons } = (await tidelog.load(course, 'logic')).state
for (const learner of ['ada', 'ben']) {
  await tidelog.execute(enrolment, `${learner}.logic`, { type: 'Enrol', data: { learner, course: 'logic', lessons } })
}
for (const lesson of lessons) {
  clock += day
  const { events } = await tidelog.execute(enrolment, 'ada.logic', { type: 'CompleteLesson', data: { lesson, minutes: 20 } })
  console.log(`ada, ${new Date(clock).toISOString().slice(0, 10)}: ${events.map(({ type }) => type).join(', ')}`)
}
await tidelog.execute(enrolment, 'ben.logic', { type: 'CompleteLesson', data: { lesson: 'and', minutes: 35 } })

// Who has finished is invited: a process in Rust gives a command to an aggregate in TypeScript.
await tidelog.processes.waitFor(invitation, 'ada.logic', ({ steps }) => steps.every(({ state }) => state === 'done'), { timeout: 60_000 })
for (const letter of (await tidelog.load(inbox, 'ada')).state) console.log(`to ada: ${letter}`)

// A rule in Rust refuses with its own words and code, as any other would.
try {
  await tidelog.execute(enrolment, 'ben.logic', { type: 'CompleteLesson', data: { lesson: 'calculus', minutes: 5 } })
  assert.fail('there is no such lesson')
} catch (error) {
  if (!isTidelogError(error, 'refused')) throw error
  console.log(`refused (${error.details.detail}): ${error.message}`)
}

// What Rust can't read is told from what it refuses.
try {
  await tidelog.execute(exam, 'ada.logic', { type: 'Cheat' } as never)
  assert.fail('there is no such command')
} catch (error) {
  if (!isTidelogError(error, 'unknown-command')) throw error
  console.log(`not understood: ${error.details.command}`)
}

await tidelog.execute(exam, 'ada.logic', { type: 'Answer', data: { question: 'q1', answer: 'A' } })
await tidelog.execute(exam, 'ada.logic', { type: 'HandIn' })
clock += day
await tidelog.execute(exam, 'ada.logic', { type: 'Grade', data: { points: 7, of: 10 } })
const { state } = await tidelog.load(exam, 'ada.logic')
assert.deepEqual(state, { answers: { q1: 'A' }, status: 'passed' })

console.log('the class, by a projection in Rust:')
for (const [key, row] of await tidelog.rows(learners)) {
  console.log(`  ${key}: ${row.completed} of ${row.lessons} lessons in ${row.minutes} minutes${row.exam && `, exam ${row.exam}`}`)
}

// Time travel, over states and rows of Rust alike.
const then = new Date(Date.UTC(2026, 8, 2, 23))
const since = await tidelog.difference(learners, 'ada.logic', { from: then })
console.log(`ada since ${then.toISOString().slice(0, 10)}: ${since.changes.map(({ path, before, after }) => `${path.slice(1)} ${JSON.stringify(before)} → ${JSON.stringify(after)}`).join(', ')}`)
const lessonsSince = await tidelog.difference(enrolment, 'ada.logic', { from: then })
console.log(`  because of ${lessonsSince.events.map(({ type }) => type).join(', ')}`)
tidelog.close()
