/** Conflicts as the app sees them: the sides of a merge, questions with their answers, and what became of commits whose streams moved. */
import type { DecideContext } from './aggregate.js'
import type { AnyCommand } from './command.js'
import type { AnyEvent, EventExtras, NewEvent, RecordedEvent } from './event.js'
import type { Reason } from './receipt.js'

/** One of two sides that met on a stream. */
export interface Side<State, Event extends AnyEvent> {
  /** The state with its events. */
  readonly state: State
  /** Its events, in order. */
  readonly events: readonly RecordedEvent<Event>[]
}

/**
 * What a pending command's events become on those that arrived before them. It must be pure and synchronous, as `decide`. It returns
 * events in place of those that were decided (none: there is nothing left to say), or `'keep'` for those as they are; to reject, it throws
 * a `DomainError`.
 *
 * - `base`: the state that the command was decided on.
 * - `theirs`: what stands before it now: the state, and the events of others that arrived.
 * - `mine`: the command and what it decided on `base`.
 */
export type MergeFunction<State, Command extends AnyCommand, Event extends AnyEvent> = (
  base: { readonly state: State },
  theirs: Side<State, Event>,
  mine: Side<State, Event> & { readonly command: Command },
  context: DecideContext,
) => 'keep' | (Event & EventExtras) | readonly (Event & EventExtras)[]

/** A commit that a person is asked about: its command's policy is `ask`, and its stream moved. */
export interface Conflict<Command extends AnyCommand = AnyCommand, Event extends AnyEvent = AnyEvent> {
  /** The commit's id. */
  readonly commitId: string
  /** Its stream. */
  readonly stream: string
  /** Its command. */
  readonly command?: Command
  /** The stream's version that it was decided on. */
  readonly since: number
  /** Its events. */
  readonly mine: readonly RecordedEvent<Event>[]
  /** What others confirmed in the stream since; more may come while the question is open. */
  readonly theirs: readonly RecordedEvent<Event>[]
  /** The answers that are possible. */
  readonly choices: readonly ('keep' | 'redecide' | 'discard' | 'events' | 'command')[]
  /** How many later commits of this device wait for the answer. */
  readonly waiting: number
  /** When this device found the conflict, in milliseconds since 1970. */
  readonly askedAt: number
}

/**
 * An answer to a conflict.
 *
 * - `keep`: its events count, behind those that arrived.
 * - `redecide`: its command is decided again on the state as it is now.
 * - `discard`: it goes to `tidelog.rejected` with the reason `discarded`, from where `retry` can still take it back.
 * - `{ events }`: these events in place of its own.
 * - `{ command }`: another command of the same aggregate, decided on the state as it is now.
 */
export type Choice<Command extends AnyCommand = AnyCommand, Event extends AnyEvent = AnyEvent> =
  | 'keep'
  | 'redecide'
  | 'discard'
  | { readonly events: NewEvent<Event> | readonly NewEvent<Event>[] }
  | { readonly command: Command }

/** What became of a commit whose stream moved while it was pending. */
export interface Met<Command extends AnyCommand = AnyCommand, Event extends AnyEvent = AnyEvent> {
  /**
   * - `rebased`: decided again with the same events, at another version.
   * - `redecided`: decided again with other events.
   * - `kept`: the same events without a decision: by its policy, a merge function, or an answer.
   * - `merged`: other events, of a merge function or an answer.
   * - `absorbed`: nothing was left to say: what it wanted is so already.
   * - `rejected`: it can't be confirmed any more, and is in `tidelog.rejected`.
   * - `asked`: a person is asked: it is in `tidelog.conflicts`.
   */
  readonly status: 'rebased' | 'redecided' | 'kept' | 'merged' | 'absorbed' | 'rejected' | 'asked'
  /** The commit's id. */
  readonly commitId: string
  /** Its stream. */
  readonly stream: string
  /** Its command; undefined for events that were appended without one. */
  readonly command?: Command
  /** Its events as they were. */
  readonly before: readonly RecordedEvent<Event>[]
  /** Its events as they are now; none if it was absorbed, rejected or is asked about. */
  readonly after: readonly RecordedEvent<Event>[]
  /** Why it was rejected. */
  readonly reason?: Reason
}
