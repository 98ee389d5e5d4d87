/** Commands, what goes with them, and what becomes of them when their stream has moved. */

/** What every command has at least. Write an app's commands as a union of such types, told apart by `type`. */
export interface AnyCommand {
  /** What is asked for, in the imperative. From 1 to 256 bytes of UTF-8. */
  readonly type: string
  /** The request itself: what JSON can hold, at most 1 MiB of it. */
  readonly data?: unknown
}

/**
 * What happens to a command that was decided offline when its stream turns out to have moved meanwhile:
 *
 * - `redecide` (default): it is decided again on the new state; a refusal rejects it.
 * - `keep`: a binding fact (a handed-in exam): the same events, at a new version.
 * - `reject`: it can't be confirmed any more; the app resolves it.
 * - `ask`: a person says what becomes of it, by `tidelog.conflicts`; until then it and what builds on it is not sent.
 *
 * Instead of a word it may be a function that merges: see `MergeFunction`.
 */
export type Policy = 'redecide' | 'keep' | 'reject' | 'ask'

/**
 * What a writer expects of a stream: whatever it is (`any`), at least one event (`exists`), no event (`none`), or exactly this
 * many events (0 is the same as `none`). A miss is a `version-conflict`.
 */
export type ExpectedVersion = 'any' | 'exists' | 'none' | number

/** What may go with a command or an append: it ends up in the metadata of the events. */
export interface MessageOptions {
  /**
   * Its name: given again, in another tab, after a reload or on another device, it is not carried out again, and the receipt is the
   * one it had. A UUID, which is then the commit's id, or any text of 1 to 128 bytes, which counts within its stream. A command
   * that led to no events left no trace and is decided again.
   */
  readonly commandId?: string
  /** On whose behalf: a person or system in the app's own words, at most 512 bytes. Default: the `actor` of `open()`. */
  readonly actor?: string
  /** The id (a UUID) of the first message of the chain that led here. Default: a new chain. */
  readonly correlationId?: string
  /** The id (a UUID) of the event or command that directly caused this one. */
  readonly causationId?: string
  /** The W3C trace context, at most 128 bytes. */
  readonly traceparent?: string
}

/** The options of `execute`. */
export interface ExecuteOptions extends MessageOptions {
  /**
   * Execute only if the stream is as expected (the person saw version 7 and decided on that). Default: decide on whatever the
   * stream is now, again a few times if another tab is faster.
   */
  readonly expectedVersion?: ExpectedVersion
}

/** The options of `append`. */
export interface AppendOptions extends MessageOptions {
  /** What the stream is expected to be. Default `any`. */
  readonly expectedVersion?: ExpectedVersion
  /** What happens if the stream turns out to have moved while the events were pending. Default `keep`. */
  readonly policy?: 'keep' | 'reject'
}

/** One commit of an `appendAll`. */
export interface BulkCommit {
  /** The stream, `<aggregate>-<id>`. */
  readonly stream: string
  /** From 1 to 10,000 events. */
  readonly events: readonly unknown[]
  /** What the stream is expected to be. Default `any`. */
  readonly expectedVersion?: ExpectedVersion
}
