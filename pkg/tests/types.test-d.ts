/** What the compiler infers, and what it refuses. Checked by `tsc`; nothing here runs. */
import { aggregate, isTidelogError, projection, type EventOf, type Live, type RecordedEvent, type RowOf, type Rows, type Tidelog } from '../src/index.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<A, B>(_proof: Equal<A, B>): void {}

type Command = { type: 'CompleteLesson'; data: { lesson: string } } | { type: 'HandIn' }
type Event = { type: 'LessonCompleted'; data: { lesson: string; band: 'a' | 'b' } } | { type: 'ExamHandedIn'; data: { at: number } }
interface State {
  readonly lessons: readonly string[]
  readonly handedIn?: boolean
}

// Everything annotated.
const annotated = aggregate({
  name: 'annotated',
  initialState: (): State => ({ lessons: [] }),
  decide(command: Command, state: State): Event[] {
    return command.type === 'CompleteLesson' && !state.handedIn ? [{ type: 'LessonCompleted', data: { lesson: command.data.lesson, band: 'a' } }] : []
  },
  evolve: (state: State, event: Event): State => (event.type === 'ExamHandedIn' ? { ...state, handedIn: true } : state),
  policies: { HandIn: 'keep', CompleteLesson: 'redecide' },
})
same<ReturnType<typeof annotated.initialState>, State>(true)
same<EventOf<typeof annotated>, Event>(true)

// The state from its first value, the commands and events from one annotation each; one event instead of an array.
const inferred = aggregate({
  name: 'inferred',
  initialState: { count: 0 },
  decide(command: Command, state, context) {
    if (command.type === 'HandIn') return { type: 'ExamHandedIn', data: { at: context.now.getTime() + state.count } }
    return []
  },
  evolve(state, event: Event) {
    return { count: state.count + (event.type === 'LessonCompleted' ? 1 : 0) }
  },
})
same<ReturnType<typeof inferred.initialState>, { count: number }>(true)
same<EventOf<typeof inferred>, Event>(true)

// Explicit types; `evolve` sees where an event stands.
aggregate<State, Command, Event>({
  name: 'explicit',
  initialState: () => ({ lessons: [] }),
  decide: (command) => (command.type === 'HandIn' ? { type: 'ExamHandedIn', data: { at: 1 }, schemaVersion: 2, custom: { kiosk: true } } : []),
  evolve: (state, event) => (event.version > 1 && event.metadata.actor !== undefined ? state : { lessons: [] }),
  // @ts-expect-error -- there is no such command
  policies: { HandOut: 'keep' },
})

// Deciders of other libraries carry over.
interface Decider<S, C, E> {
  decide: (command: C, state: S) => E | E[]
  evolve: (state: S, event: E) => S
  initialState: () => S
}
declare const decider: Decider<State, Command, Event>
const carried = aggregate({ name: 'carried', ...decider })
same<EventOf<typeof carried>, Event>(true)

// Literals stay what they are without an annotation: in what is decided, in states and in rows.
type Desk = { state: 'free' | 'taken'; log: { kind: 'in' | 'out'; at: number }[] }
const desk = aggregate({
  name: 'desk',
  initialState: (): Desk => ({ state: 'free', log: [] }),
  decide(command: { type: 'Take' } | { type: 'Leave' }) {
    if (command.type === 'Leave') return [{ type: 'ExamHandedIn', data: { at: 1 } }]
    return { type: 'LessonCompleted', data: { lesson: 'l1', band: 'b' } }
  },
  evolve: (state, event: Event) => ({ state: event.type === 'ExamHandedIn' ? 'free' : 'taken', log: [...state.log, { kind: 'in', at: 1 }] }),
})
same<EventOf<typeof desk>, Event>(true)
same<ReturnType<typeof desk.initialState>, Desk>(true)
const desks = projection({
  name: 'desks',
  from: [desk],
  initial: (): Desk => ({ state: 'free', log: [] }),
  key: () => 'all',
  on: {
    LessonCompleted: (row) => ({ ...row, state: 'taken' }),
    ExamHandedIn: (row, { data }) => ({ state: 'free', log: [...row.log, { kind: 'out', at: data.at }] }),
  },
})
same<RowOf<typeof desks>, Desk>(true)
aggregate({
  name: 'desk-with-a-third-state',
  initialState: (): Desk => ({ state: 'free', log: [] }),
  decide: (_command: Command): Event[] => [],
  // @ts-expect-error -- there is no such state
  evolve: (state, _event: Event) => ({ ...state, state: 'broken' }),
})
projection({
  name: 'desks-without-a-log',
  initial: (): Desk => ({ state: 'free', log: [] }),
  key: (event: Event) => event.type,
  // @ts-expect-error -- the row lacks its log
  on: { LessonCompleted: () => ({ state: 'taken' }) },
})
aggregate({
  name: 'desk-with-a-third-band',
  initialState: 0,
  // @ts-expect-error -- there is no such band
  decide: (_command: Command) => ({ type: 'LessonCompleted', data: { lesson: 'l1', band: 'c' } }),
  evolve: (state, _event: Event) => state + 1,
})

aggregate({
  name: 'wrong',
  initialState: (): State => ({ lessons: [] }),
  // @ts-expect-error -- decides an event that evolve doesn't know
  decide: (command: Command) => ({ type: 'LessonForgotten', data: command.type }),
  evolve: (state: State, _event: Event) => state,
})

// Snapshots: what is written and read is the aggregate's own state.
aggregate({
  name: 'kept',
  initialState: () => new Set<string>(),
  decide: (_command: { type: 'Grant' }): { type: 'Granted'; data: string }[] => [],
  evolve: (state, event: { type: 'Granted'; data: string }) => new Set([...state, event.data]),
  snapshot: { policy: { every: 10, compress: true }, write: (state) => [...state], read: (stored: string[]) => new Set(stored) },
})
// @ts-expect-error -- what is read is no state
aggregate({
  name: 'not-kept',
  initialState: () => new Set<string>(),
  decide: (_command: { type: 'Grant' }): { type: 'Granted'; data: string }[] => [],
  evolve: (state, event: { type: 'Granted'; data: string }) => new Set([...state, event.data]),
  snapshot: { write: (state) => [...state], read: (stored: string[]) => stored },
})

// Projections: types from aggregates, or from the key.
const other = aggregate({
  name: 'exam',
  initialState: 0,
  decide: (_command: { type: 'Grade' }): { type: 'Graded'; data: { score: number } }[] => [],
  evolve: (state, event: { type: 'Graded'; data: { score: number } }) => state + event.data.score,
})
const progress = projection({
  name: 'progress',
  from: [annotated, other],
  initial: { done: 0, score: null as number | null },
  key: (event) => event.metadata.actor,
  on: {
    LessonCompleted: (row, event) => ({ ...row, done: row.done + event.data.lesson.length }),
    Graded: (row, event) => ({ ...row, score: event.data.score }),
    ExamHandedIn: () => null,
  },
})
const byLesson = projection({
  name: 'by-lesson',
  initial: (key) => ({ key, times: 0 }),
  key: (event: Event) => (event.type === 'LessonCompleted' ? event.data.lesson : null),
  on: { LessonCompleted: (row) => ({ ...row, times: row.times + 1 }) },
})
// @ts-expect-error -- the aggregate has no LessonCompleted
projection({
  name: 'wrong',
  from: [other],
  initial: { sum: 0 },
  key: () => 'all',
  on: {
    Graded: (row, event) => ({ sum: row.sum + event.data.score }),
    LessonCompleted: (row: { sum: number }) => row,
  },
})

async function uses(tidelog: Tidelog): Promise<void> {
  const receipt = await tidelog.execute(annotated, 'algebra-1', { type: 'HandIn' })
  same<(typeof receipt.events)[number], RecordedEvent<Event>>(true)
  // @ts-expect-error -- there is no such command
  await tidelog.execute(annotated, 'algebra-1', { type: 'HandOut' })
  // @ts-expect-error -- the command lacks its data
  await tidelog.execute(annotated, 'algebra-1', { type: 'CompleteLesson' })

  const outcome = await receipt.confirmed
  switch (outcome.status) {
    case 'confirmed':
      same<typeof outcome.position, number>(true)
      break
    case 'rebased':
      for (const event of outcome.events) if (event.type === 'ExamHandedIn') same<typeof event.data.at, number>(true)
      break
    case 'rejected':
      same<typeof outcome.reason.code, string>(true)
      break
    case 'absorbed':
  }

  const { state, version } = await tidelog.load(annotated, 'algebra-1', { at: new Date() })
  same<typeof state, State>(true)
  same<typeof version, number>(true)

  for await (const event of tidelog.read({ aggregate: annotated, types: ['ExamHandedIn'], after: 3 })) {
    same<typeof event.data, { at: number }>(true)
  }
  for await (const event of tidelog.read({ stream: 'course-1', first: 2, last: 5, correlationId: receipt.commitId })) same<typeof event.data, unknown>(true)

  const some = await tidelog.page({ aggregate: annotated })
  same<(typeof some.events)[number], RecordedEvent<Event>>(true)
  const named = await tidelog.read({ types: ['LessonCompleted', 'CourseLeft'] }).toArray()
  same<(typeof named)[number]['type'], 'LessonCompleted' | 'CourseLeft'>(true)
  // @ts-expect-error -- the aggregate has no such event
  tidelog.read({ aggregate: annotated, types: ['CourseLeft'] })

  same<ReturnType<typeof tidelog.view<{ done: number; score: number | null }>>, Live<Rows<{ done: number; score: number | null }>>>(true)
  const row = tidelog.view(progress, 'learner-1').get()
  same<typeof row, { done: number; score: number | null } | undefined>(true)
  const [first] = await tidelog.rows(byLesson)
  if (first) same<(typeof first)[1], { key: string; times: number }>(true)

  await tidelog.append<Event>('course-1', { type: 'ExamHandedIn', data: { at: 1 }, occurredAt: new Date() }, { expectedVersion: 'none' })
  // @ts-expect-error -- no version
  await tidelog.append('course-1', [{ type: 'A' }], { expectedVersion: 'first' })

  try {
    await tidelog.load(annotated, 'x')
  } catch (error) {
    if (isTidelogError(error, 'version-conflict')) same<typeof error.details.actual, number>(true)
    if (isTidelogError(error, 'not-json')) same<typeof error.details.path, string>(true)
    // @ts-expect-error -- there is no such code
    isTidelogError(error, 'nothing')
  }
}
void uses
