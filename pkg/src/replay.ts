/** Replay: going through what has happened once more, without anything happening again. */
import { integer, millis, text } from './encode.js'
import { invalidArgument, messageOf } from './errors.js'
import type { AnyEvent, RecordedEvent } from './event.js'
import { Cell, type Readable } from './live.js'
import type { Projection } from './projection.js'
import type { Deciding } from './read.js'
import { isRust } from './rust.js'
import type { Session } from './session.js'

/** Which events are replayed, and how. Only confirmed ones are: they never change. */
export interface ReplayOptions<Event extends AnyEvent = AnyEvent> {
  /** Only events of these types, in today's shape. */
  readonly types?: readonly Event['type'][]
  /** Only streams of these aggregates, by themselves or by name. */
  readonly aggregates?: readonly (string | Deciding<Event>)[]
  /** Only these streams. */
  readonly streams?: readonly string[]
  /** Only events that happened at this moment or later. */
  readonly from?: Date | number
  /** Only events that happened before this moment. */
  readonly to?: Date | number
  /** Only events after this position: to go on, the `position` of an earlier report. */
  readonly after?: number
  /** Only events up to this position. Default: the end of the log as it is at the beginning. */
  readonly until?: number
  /** The most events handed over at once, from 1 to 10,000. Default 500. */
  readonly batchSize?: number
  /** What to do with an event that can't be read, upcast or handled. `stop` (default): end before it. `collect`: go on. */
  readonly onError?: 'stop' | 'collect'
  /** The most failures that the report keeps; all are counted. Default 100. */
  readonly maxFailures?: number
  /** Cancels the replay when it is aborted. */
  readonly signal?: AbortSignal
}

/** How far a replay is. */
export interface ReplayProgress {
  /** Events handed over. */
  readonly events: number
  /** How many there will have been: exact or, where only reading tells, estimated from the part it is through. */
  readonly total: number
  /** The position of the log that it is through with. */
  readonly position: number
  /** Failures so far. */
  readonly failed: number
}

/** What could not be read, upcast or handled: an event, or a batch or block as a whole, which names only its first position. */
export interface ReplayFailure {
  readonly position: number
  readonly stream?: string
  readonly version?: number
  readonly type?: string
  readonly reason: string
}

/** What a replay did. */
export interface ReplayReport<Result> extends ReplayProgress {
  /** `done`; `cancelled`, between two batches; or `failed`: it stopped at the failure, and `position` is before it. */
  readonly ended: 'done' | 'cancelled' | 'failed'
  /** The first failures. */
  readonly failures: readonly ReplayFailure[]
  /** What the handler made: rows by key, states by stream, the state of a reducer; undefined of a callback. */
  readonly result: Result
}

/** A replay under way. */
export interface Replay<Result> {
  /** How far it is, live. */
  readonly progress: Readable<ReplayProgress>
  /** Whether it is paused. */
  readonly paused: boolean
  /** Makes it wait before its next batch. */
  pause(): void
  /** Lets it go on. */
  resume(): void
  /** Ends it before its next batch, as the `signal` does. */
  cancel(): void
  /** Resolves to what it did when it has ended; rejects if the log can't be read at all. */
  readonly finished: Promise<ReplayReport<Result>>
}

/**
 * Takes a batch of events. What it calls of the tidelog is refused with `reentrant`, so that nothing happens by a replay. It may
 * return a promise, which is waited for; what it does after its first await can't be told from the app's own doing.
 */
export type ReplayCallback<Event extends AnyEvent = AnyEvent> = (events: readonly RecordedEvent<Event>[], progress: ReplayProgress) => void | Promise<void>

/** Folds all events of a replay into one state. */
export interface Reducer<State, Event extends AnyEvent> {
  readonly initialState: State | (() => State)
  readonly evolve: (state: State, event: RecordedEvent<Event>) => State
}

/** An aggregate's folding half: states by stream. */
export interface Evolving<State, Event extends AnyEvent> extends Reducer<State, Event> {
  readonly name: string
}

/** What takes the events. */
interface Handler {
  take(events: readonly RecordedEvent[], progress: ReplayProgress): void | Promise<void>
  /** Whether it takes events one by one, so that a failure names one. */
  readonly single: boolean
  readonly result: unknown
}

interface Step {
  events: RecordedEvent[]
  failures: ReplayFailure[]
  cursor: unknown
  progress: ReplayProgress
  done: boolean
}

/** Starts a replay. */
export function startReplay(session: Session, given: unknown, options: ReplayOptions): Replay<unknown> {
  session.check()
  const handler = handlerOf(given)
  const core = JSON.stringify(coreReplay(given, options))
  const most = options.maxFailures === undefined ? 100 : integer(options.maxFailures, 0, 10_000, 'maxFailures')
  const stops = options.onError !== 'collect'
  const progress = new Cell<ReplayProgress>({ events: 0, total: 0, position: options.after ?? 0, failed: 0 })
  const failures: ReplayFailure[] = []
  let failed = 0
  let paused = false
  let cancelled = options.signal?.aborted ?? false
  let wake = (): void => {}
  const cancel = (): void => {
    cancelled = true
    wake()
  }

  /** Notes a failure; whether the replay has to stop. */
  const note = (failure: ReplayFailure): boolean => {
    failed++
    if (failures.length < most || stops) failures.push(failure)
    return stops
  }
  /** Hands events over; the failure that stops it. */
  const handOver = async (events: readonly RecordedEvent[], now: ReplayProgress): Promise<ReplayFailure | undefined> => {
    for (const part of handler.single ? events.map((event) => [event]) : events.length > 0 ? [events] : []) {
      try {
        await session.pure(() => handler.take(part, now))
      } catch (thrown) {
        const [{ position, stream, version, type }] = part as [RecordedEvent]
        const failure = { position: position ?? 0, ...(handler.single ? { stream, version, type } : {}), reason: messageOf(thrown) }
        if (note(failure)) return failure
      }
    }
    return undefined
  }

  async function run(): Promise<ReplayReport<unknown>> {
    let cursor: string | undefined
    let ended: ReplayReport<unknown>['ended'] = 'done'
    for (;;) {
      while (paused && !cancelled) await new Promise<void>((resolve) => (wake = resolve))
      if (cancelled) {
        ended = 'cancelled'
        break
      }
      const step = JSON.parse(await session.call(() => session.core.replayStep(core, cursor))) as Step
      // What stands before the first that can't be read is handed over first.
      const unread = stops ? step.failures[0] : undefined
      const readable = unread ? step.events.filter(({ position }) => (position ?? 0) < unread.position) : step.events
      const before = progress.get()
      let stopped = await handOver(readable, { ...step.progress, failed })
      for (const failure of step.failures) if (!stopped && note(failure)) stopped = failure
      if (stopped) {
        const { position } = stopped
        const taken = step.events.filter((event) => (event.position ?? 0) < position).length
        progress.set({ ...step.progress, failed, events: before.events + taken, position: Math.max(before.position, position - 1) })
        ended = 'failed'
        break
      }
      cursor = JSON.stringify(step.cursor)
      progress.set({ ...step.progress, failed })
      if (step.done) break
    }
    return { ...progress.get(), ended, failures, result: handler.result }
  }

  options.signal?.addEventListener('abort', cancel)
  const finished = run().finally(() => options.signal?.removeEventListener('abort', cancel))
  return {
    progress,
    get paused() {
      return paused
    },
    pause: () => void (paused = true),
    resume() {
      paused = false
      wake()
    },
    cancel,
    finished,
  }
}

function coreReplay(given: unknown, options: ReplayOptions): object {
  const { types = [], aggregates, streams = [], from, to, after, until, batchSize, onError } = options
  if (onError !== undefined && onError !== 'stop' && onError !== 'collect') throw invalidArgument('onError', 'onError is stop or collect')
  const position = (value: number, argument: string): number => integer(value, 0, Number.MAX_SAFE_INTEGER, argument)
  // An aggregate is handed the events of its own streams.
  const sources = aggregates ?? (isEvolving(given) ? [given.name] : [])
  return {
    filter: {
      types: types.map((type, index) => text(type, `types[${index}]`)),
      aggregates: sources.map((source, index) => text(typeof source === 'string' ? source : source.name, `aggregates[${index}]`)),
      streams: streams.map((stream, index) => text(stream, `streams[${index}]`)),
      ...(from === undefined ? {} : { from: millis(from, 'from') }),
      ...(to === undefined ? {} : { to: millis(to, 'to') }),
    },
    ...(after === undefined ? {} : { after: position(after, 'after') }),
    ...(until === undefined ? {} : { until: position(until, 'until') }),
    ...(batchSize === undefined ? {} : { batch: integer(batchSize, 1, 10_000, 'batchSize') }),
  }
}

const isEvolving = (given: unknown): given is Evolving<unknown, AnyEvent> => isReducer(given) && 'name' in given
const isReducer = (given: unknown): given is Reducer<unknown, AnyEvent> => typeof (given as Reducer<unknown, AnyEvent> | null)?.evolve === 'function'

function handlerOf(given: unknown): Handler {
  if (typeof given === 'function') return { take: given as ReplayCallback, single: false, result: undefined }
  if (typeof given === 'object' && given !== null && isRust(given)) throw invalidArgument('handler', 'what is written in Rust folds in its core: ask for a state or row `at` a moment')
  if (isReducer(given)) {
    const { initialState, evolve } = given
    const initial = (): unknown => (typeof initialState === 'function' ? (initialState as () => unknown)() : initialState)
    if (!isEvolving(given)) {
      const all = { take: ([event]: readonly RecordedEvent[]) => void (all.result = evolve(all.result, event!)), single: true, result: initial() }
      return all
    }
    const { name } = given
    const states = new Map<string, unknown>()
    const take = ([event]: readonly RecordedEvent[]): void => {
      const { stream } = event!
      if (aggregateOf(stream) === name) states.set(stream, evolve(states.has(stream) ? states.get(stream) : initial(), event!))
    }
    return { take, single: true, result: states }
  }
  if (typeof (given as Projection<unknown> | null)?.on === 'object') {
    const { initial, key: keyOf, on, from } = given as Projection<unknown>
    const rows = new Map<string, unknown>()
    const take = ([event]: readonly RecordedEvent[]): void => {
      const { type, stream } = event!
      if (!Object.hasOwn(on, type) || (from && !from.includes(aggregateOf(stream)))) return
      const key = keyOf(event!)
      if (key === null || key === undefined) return
      const next = on[type]!(rows.get(key) ?? initial(key), event!)
      if (next === undefined) throw new Error('it returned undefined: return the row, or null to delete it')
      if (next === null) rows.delete(key)
      else rows.set(key, next)
    }
    return { take, single: true, result: rows }
  }
  throw invalidArgument('handler', 'a replay takes a function, an aggregate, a projection, or a reducer { initialState, evolve }')
}

const aggregateOf = (stream: string): string => stream.slice(0, stream.indexOf('-'))
