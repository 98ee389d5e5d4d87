/** Errors: one class, a stable `code`, and details that the code types. Told apart by `isTidelogError`, never by `instanceof` alone. */
import type { ExpectedVersion } from './command.js'
import type { CoreFailure } from './core.js'
import type { RecordedEvent } from './event.js'
import type { Issue } from './schema.js'

/** What each code carries in `details`. */
export interface ErrorDetails {
  /** The stream is not as expected. `missing`: the events beyond an exact expected version. */
  'version-conflict': { stream: string; expected: ExpectedVersion; actual: number; missing: readonly RecordedEvent[] }
  /** `decide` or a middleware refused the command (or a middleware the query) by a rule of the domain; `detail` is the domain's own code. What it threw is `error.cause`. */
  refused: { detail?: string }
  /** `decide` failed by a bug. What it threw is `error.cause`. */
  'decide-failed': { aggregate: string; command: string }
  /** The aggregate does not know such a command. Only of aggregates in Rust. */
  'unknown-command': { aggregate: string; command: string }
  /** `evolve` failed by a bug; `version` is the last that a state could be made for. */
  'evolve-failed': { aggregate: string; stream: string; version: number }
  /** A state can't be kept as a snapshot: JSON would change it, or the aggregate's policy is never. */
  'unkeepable-state': { aggregate: string; stream?: string }
  /** A projection failed by a bug. */
  'projection-failed': { projection: string }
  /** An upcaster failed by a bug. */
  'upcast-failed': { event: string; schemaVersion: number; stream: string; version: number }
  /** The upcasters don't fit together: a gap, a circle, two from one version, a step that is none. */
  'invalid-upcasters': { event: string; schemaVersion: number }
  /** There is no way back to the older shape that was asked for. */
  'no-downcast': { event: string; schemaVersion: number; stream: string; version: number }
  /** An event that this app does not know, and `unknownEvents` is `error`. */
  'unknown-event': { event: string; schemaVersion: number; stream: string; version: number }
  /** What was to be imported is neither an export nor CloudEvents. */
  'unreadable-import': object
  /** A checksum of what was to be imported doesn't hold: nothing since the one before was taken. */
  'damaged-import': object
  /** What was to be imported ends before its end; what came up to the last checksum is here. Give all of it again. */
  'import-cut-short': object
  /** The log can't be made again here: it is a part, this log isn't empty, or only one of the two has a server. */
  'not-restorable': object
  /** This log is another one than the one that is restored. */
  diverged: object
  /** A value that JSON can't hold; `path` names it, such as `events[0].data.tags`. */
  'not-json': { path: string }
  /** Over a bound, in the unit that the message names. */
  'too-large': { what: string; length?: number; limit?: number }
  /** An argument is not what the function takes. */
  'invalid-argument': { argument: string }
  /** A stream's name is not `<aggregate>-<id>`, holds a control character, or is over 512 bytes. */
  'invalid-stream': object
  /** The data of a command is not what its schema wants: see `schemas` of `aggregate()`. Nothing was decided. */
  'invalid-command': { aggregate: string; command: string; issues: readonly Issue[] }
  /** A commit or event breaks a bound (no type, too long a type, schema version 0, an id twice), or its data is not what its schema wants. */
  'invalid-event': { event?: string; issues?: readonly Issue[] }
  /** A middleware failed by a bug. What it threw is `error.cause`. */
  'middleware-failed': { middleware: string }
  /** What caused it (`commitId`) was rejected: it would be rejected with it. Retry or discard the rejected commit first. */
  'cause-rejected': { commitId: string }
  /** The command of this `commandId` was given before and rejected: retry or discard the rejected commit. */
  'command-rejected': { commitId: string }
  /** The `commandId` is that of a command of another stream. */
  'command-id-taken': { commitId: string; stream: string }
  /** The server has archived the stream at this version: it takes no more events. See `sync.archived()`. */
  'stream-archived': { stream: string; version: number }
  /** The aggregate was not given to `open()`. */
  'unknown-aggregate': { aggregate: string }
  /** What was waited for did not come in time. */
  timeout: { milliseconds: number }
  /** The projection was not given to `open()`. */
  'unknown-projection': { projection: string }
  /** The process manager was not given to `open()`. */
  'unknown-process': { process: string }
  /** A process manager failed by a bug, or has a name that it can't have. It stands before the event until its code is mended. */
  'process-failed': { process: string }
  /** There is no such commit, or it is settled already. */
  'unknown-commit': { commitId: string }
  /** A row of the database does not hold what was written. The others stay readable. */
  corrupt: { table: string; key: string }
  /** The database was written by a newer version of this library. */
  'newer-format': { found?: number; supported?: number }
  /** The browser's quota is used up; nothing was written. */
  'quota-exceeded': object
  /** IndexedDB is not available here and `storage: 'indexeddb'` asked for it. */
  'storage-unavailable': object
  /** Another tab holds an older version of the database open and does not let go: see `onBlocked` of `open()`. */
  'storage-blocked': object
  /** Storage failed in another way; nothing was written. */
  'storage-failed': object
  /**
   * The tidelog was closed: by this page, or because somebody else needed its database. `newer-version`: a newer version of the app was
   * opened in another tab; load this page again. `deletion`: the site's data was deleted; open it again.
   */
  closed: { by?: 'newer-version' | 'deletion' }
  /** The device's clock is before 2020. */
  'implausible-clock': object
  /** The wasm could not be fetched or compiled. */
  'wasm-failed': { url?: string }
  /** A file of the package that is loaded when it is first needed (`part` is its name) could not be. Load the page again once there is a network. */
  'part-failed': { part: string }
  /** The core crashed: its memory can't be trusted any more. The log can: load the page again. */
  'core-crashed': object
  /** A call into the tidelog from within `decide`, `evolve`, a projection or an upcaster, which must be pure. */
  reentrant: object
}

/** A stable word to switch on. More may come: keep a default branch. */
export type ErrorCode = keyof ErrorDetails

/** Marks errors of this package whichever copy of it made them. */
const brand = Symbol.for('tidelog.error')

/** An error of this package: a stable `code`, a message for developers, and `details` that depend on the code. */
export class TidelogError<Code extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'TidelogError'
  /** A stable word to switch on. */
  readonly code: Code
  /** What the error carries. */
  readonly details: ErrorDetails[Code]

  /** Also an error that another file of this package made, which has a copy of this class. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return isBranded(value, brand)
  }

  /** Made by this package; an app has no need to. */
  constructor(code: Code, message: string, details: ErrorDetails[Code], options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
    this.details = details
    Object.defineProperty(this, brand, { value: true })
  }
}

/**
 * Whether `error` is an error of this package, and of this code if one is given; narrows `details`.
 *
 * ```ts
 * if (isTidelogError(error, 'version-conflict')) showChanges(error.details.missing)
 * ```
 */
export function isTidelogError<Code extends ErrorCode = ErrorCode>(error: unknown, code?: Code): error is TidelogError<Code> {
  return isBranded(error, brand) && (code === undefined || (error as TidelogError).code === code)
}

/** Whether a value carries a brand; never throws. */
export function isBranded(value: unknown, mark: symbol): boolean {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[mark] === true
}

/** An argument that is not what the function takes. */
export function invalidArgument(argument: string, message: string): TidelogError<'invalid-argument'> {
  return new TidelogError('invalid-argument', message, { argument })
}

/** What the core, the browser or an adapter threw, as an error of this package. */
export function asTidelogError(thrown: unknown, cause?: unknown): TidelogError {
  if (isTidelogError(thrown)) return thrown
  if (isCoreFailure(thrown)) {
    const options = cause === undefined ? undefined : { cause }
    return new TidelogError(thrown.code as ErrorCode, thrown.message, (thrown.details ?? {}), options)
  }
  if (typeof WebAssembly === 'object' && thrown instanceof WebAssembly.RuntimeError) {
    return coreCrashed(thrown.message, thrown)
  }
  return new TidelogError('storage-failed', `unexpected failure: ${messageOf(thrown)}`, {}, { cause: thrown })
}

/** The core crashed. */
export function coreCrashed(reason: string, cause?: unknown): TidelogError<'core-crashed'> {
  const message = `the core crashed (${reason}); what was acknowledged is in the log: load the page again`
  return new TidelogError('core-crashed', message, {}, cause === undefined ? undefined : { cause })
}

function isCoreFailure(thrown: unknown): thrown is CoreFailure {
  if (typeof thrown !== 'object' || thrown === null || thrown instanceof Error) return false
  return typeof (thrown as CoreFailure).code === 'string' && typeof (thrown as CoreFailure).message === 'string'
}

/** The message of whatever was thrown; never throws. */
export function messageOf(thrown: unknown): string {
  try {
    if (typeof thrown === 'object' && thrown !== null && typeof (thrown as Error).message === 'string') return (thrown as Error).message
    return String(thrown)
  } catch {
    return 'something without a message was thrown'
  }
}
