/** An exam, and afterwards the questions that exams raise. */
import assert from 'node:assert/strict'
import { isTidelogError, open, projection, type RecordedEvent } from 'tidelog'
import { exam, type ExamEvent } from './exam.js'

// The hall's clock, so that this runs the same on every day.
let clock = Date.UTC(2026, 5, 3, 8)
const at = (day: number, hour: number, minute: number): Date => new Date(Date.UTC(2026, 5, day, hour, minute))
const moment = (time: number): string => new Date(time).toISOString().slice(0, 16).replace('T', ' ')

/** The office's list: a row for each exam. */
const list = projection({
  name: 'list',
  from: [exam],
  initial: { answers: 0, points: null as number | null, examiner: null as string | null },
  key: ({ stream }) => stream.slice('exam-'.length),
  on: {
    ExamHandedIn: (row, { data }) => ({ ...row, answers: data.answers }),
    ExamGraded: (row, { data, metadata }) => ({ ...row, points: data.points, examiner: metadata.actor ?? null }),
    GradeChanged: (row, { data, metadata }) => ({ ...row, points: data.to, examiner: metadata.actor ?? null }),
  },
})

const tidelog = await open({ name: 'exams', storage: 'memory', aggregates: [exam], projections: [list], environment: { now: () => clock } })
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

// What did the certificate of the 10th of June rest on? The list as it was known on that day, and what has changed since.
const then = await tidelog.row(list, 'ada', { knownAt: at(10, 0, 0) })
console.log(`the list on the 10th: ${JSON.stringify(then)}`)
const since = await tidelog.difference(list, 'ada', { from: { knownAt: at(10, 0, 0) } })
for (const { path, before, after } of since.changes) console.log(`  since then ${path}: ${String(before)}, now ${String(after)}`)
for (const { type, data, metadata } of since.events) console.log(`  because of ${type} by ${metadata.actor}: ${(data as { reason: string }).reason}`)
assert.deepEqual(since.changes.map(({ path }) => path).sort(), ['/examiner', '/points'])

// The same for the paper itself, between two versions.
const paper = await tidelog.difference(exam, 'ada', { from: 3, to: 4 })
console.log(`her fourth step: ${paper.changes.map(({ path, before, after }) => `${path} from ${String(before)} to ${String(after)}`).join(', ')}`)

// A question that nobody thought of before: a replay folds the log with whatever is asked today, and changes nothing.
const replay = tidelog.replay(
  {
    initialState: {} as Readonly<Record<string, number>>,
    evolve: (changes: Readonly<Record<string, number>>, { stream, data }: RecordedEvent<Extract<ExamEvent, { type: 'QuestionAnswered' }>>) => {
      const answer = `${stream} ${data.question}`
      return { ...changes, [answer]: (changes[answer] ?? 0) + 1 }
    },
  },
  { types: ['QuestionAnswered'] },
)
const { result, events, ended } = await replay.finished
console.log(`answers given, by question (${events} events, ${ended}): ${JSON.stringify(result)}`)
assert.equal(result['exam-ada q1'], 2)
tidelog.close()
