/** An exam, and afterwards the questions that exams raise. */
import assert from 'node:assert/strict'
import { isTidelogError, open } from 'tidelog'
import { exam, type ExamEvent } from './exam.js'

// The hall's clock, so that this runs the same on every day.
let clock = Date.UTC(2026, 5, 3, 8)
const at = (day: number, hour: number, minute: number): Date => new Date(Date.UTC(2026, 5, day, hour, minute))
const moment = (time: number): string => new Date(time).toISOString().slice(0, 16).replace('T', ' ')

const tidelog = await open({ name: 'exams', storage: 'memory', aggregates: [exam], environment: { now: () => clock } })
type Command = Parameters<typeof exam.decide>[0]
const does = async (when: Date, actor: string, learner: string, command: Command): Promise<void> => {
  clock = when.getTime()
  await tidelog.execute(exam, learner, command, { actor })
}

await does(at(3, 9, 0), 'ada', 'ada', { type: 'Start', data: { minutes: 60 } })
await does(at(3, 9, 0), 'grace', 'grace', { type: 'Start', data: { minutes: 60 } })
await does(at(3, 9, 10), 'ada', 'ada', { type: 'Answer', data: { question: 'q1', answer: 'B' } })
await does(at(3, 9, 25), 'ada', 'ada', { type: 'Answer', data: { question: 'q2', answer: 'C' } })
await does(at(3, 9, 40), 'ada', 'ada', { type: 'Answer', data: { question: 'q1', answer: 'D' } })
await does(at(3, 9, 55), 'ada', 'ada', { type: 'HandIn' })
// Too late is too late, by the clock of the decision.
await assert.rejects(does(at(3, 10, 1), 'grace', 'grace', { type: 'Answer', data: { question: 'q1', answer: 'A' } }), (error) => isTidelogError(error, 'refused'))
// The invigilator's note reaches the office a day later.
await does(at(4, 8, 30), 'office', 'ada', { type: 'NoteInterruption', data: { from: at(3, 9, 56).getTime(), minutes: 4, what: 'fire alarm' } })
await does(at(5, 14, 0), 'examiner lee', 'ada', { type: 'Grade', data: { points: 11, reason: 'q1 wrong' } })
await does(at(12, 10, 0), 'board', 'ada', { type: 'Grade', data: { points: 13, reason: 'q1 allowed two readings' } })

console.log("Ada's exam: who did what, and when")
for await (const event of tidelog.read<ExamEvent>({ stream: 'exam-ada' })) {
  const { occurredAt, recordedAt = occurredAt, actor } = event.metadata
  const late = recordedAt - occurredAt > 60_000 ? `, written down ${moment(recordedAt)}` : ''
  console.log(`  ${event.version}. ${moment(occurredAt)} ${actor}: ${event.type} ${'data' in event ? JSON.stringify(event.data) : ''}${late}`)
}

// What did she have at half past nine? Her first answer counts there, whatever she wrote later.
const half = await tidelog.load(exam, 'ada', { at: at(3, 9, 30) })
console.log(`at 9:30: ${JSON.stringify(half.state.answers)}`)
assert.deepEqual(half.state.answers, { q1: 'B', q2: 'C' })

// Two questions that a single date column can't tell apart: what had happened by then, and what was known by then.
const evening = at(3, 18, 0)
const happened = await tidelog.load(exam, 'ada', { at: evening })
const known = await tidelog.load(exam, 'ada', { knownAt: evening })
console.log(`by the evening ${happened.state.interrupted} minutes were lost; known that evening: ${known.state.interrupted}`)
assert.deepEqual([happened.state.interrupted, known.state.interrupted], [4, 0])

// What did the certificate of the 10th of June rest on?
const certificate = await tidelog.load(exam, 'ada', { knownAt: at(10, 0, 0) })
const now = await tidelog.load(exam, 'ada')
console.log(`points on the 10th: ${certificate.state.points}, now: ${now.state.points}`)
assert.deepEqual([certificate.state.points, now.state.points], [11, 13])
tidelog.close()
