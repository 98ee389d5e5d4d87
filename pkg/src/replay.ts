/** Replay: going through what has happened once more, without anything happening again. */
import { integer, millis, text } from './encode.js'
import { invalidArgument } from './errors.js'
import type { AnyEvent, RecordedEvent } from './event.js'
import { Cell, type Readable } from './live.js'
import { pastPart } from './parts.js'
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
  /** The types of events that it understands: others are not handed to it. Default: all are. */
  readonly events?: readonly string[]
}

/** What was asked of a replay, checked. */
export interface ReplayPlan {
  /** What takes the events. */
  readonly handler: unknown
  /** What the core takes, as JSON. */
  readonly core: string
  /** Whether it ends at the first failure. */
  readonly stops: boolean
  /** The most failures to keep. */
  readonly most: number
}

/** What the app does with a replay under way. */
export interface ReplayControl {
  readonly progress: Cell<ReplayProgress>
  paused: boolean
  cancelled: boolean
  /** Lets it look again, if it waits. */
  wake: () => void
}

/** Starts a replay. What goes through the log is loaded with the first one. */
export function startReplay(session: Session, handler: unknown, options: ReplayOptions): Replay<unknown> {
  session.check()
  checkHandler(handler)
  const plan: ReplayPlan = {
    handler,
    core: JSON.stringify(coreReplay(handler, options)),
    stops: options.onError !== 'collect',
    most: options.maxFailures === undefined ? 100 : integer(options.maxFailures, 0, 10_000, 'maxFailures'),
  }
  const control: ReplayControl = {
    progress: new Cell<ReplayProgress>({ events: 0, total: 0, position: options.after ?? 0, failed: 0 }),
    paused: false,
    cancelled: options.signal?.aborted ?? false,
    wake() {},
  }
  const cancel = (): void => {
    control.cancelled = true
    control.wake()
  }
  options.signal?.addEventListener('abort', cancel)
  const finished = pastPart()
    .then(({ runReplay }) => runReplay(session, plan, control))
    .finally(() => options.signal?.removeEventListener('abort', cancel))
  return {
    progress: control.progress,
    get paused() {
      return control.paused
    },
    pause: () => void (control.paused = true),
    resume() {
      control.paused = false
      control.wake()
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

/** Whether a handler folds the streams of an aggregate. */
export const isEvolving = (handler: unknown): handler is Evolving<unknown, AnyEvent> => isReducer(handler) && 'name' in handler
/** Whether a handler folds all events into one state, or is an aggregate. */
export const isReducer = (handler: unknown): handler is Reducer<unknown, AnyEvent> => typeof (handler as Reducer<unknown, AnyEvent> | null)?.evolve === 'function'

function checkHandler(handler: unknown): void {
  if (typeof handler === 'function') return
  if (typeof handler !== 'object' || handler === null || !(isReducer(handler) || typeof (handler as Projection<unknown>).on === 'object')) {
    throw invalidArgument('handler', 'a replay takes a function, an aggregate, a projection, or a reducer { initialState, evolve }')
  }
  if (isRust(handler)) throw invalidArgument('handler', 'what is written in Rust folds in its core: ask for a state or row `at` a moment')
}
