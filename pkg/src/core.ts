/**
 * The contract between the TypeScript in this package and the Rust core (`src/web/` in the crate). Whatever holds events crosses as JSON
 * text, many at a time; small structured values (settings, status, reports, failures) cross as they are. Every promise rejects with a `CoreFailure`, and every method that answers at once throws one.
 */

import type { Dump, Health } from './health.js'
import type { Metrics } from './metrics.js'

/** What the core throws: plain data, turned into a `TidelogError` in `errors.ts`. */
export interface CoreFailure {
  /** Stable, kebab-case: see `errors.ts`. */
  code: string
  message: string
  /** What the error carries: stream, expected, actual, missing (array of events), table, key, limit … */
  details?: Record<string, unknown>
}

/** An aggregate as the core calls it. State never leaves JavaScript; the core holds it by reference. */
export interface CoreAggregate {
  name: string
  /** JSON of the policy per command type; missing ones mean `redecide`. */
  policies: string
  /** The types of events that it evolves by; undefined if it doesn't say: then it is given all of its streams. */
  events: string[] | undefined
  keeper?: CoreKeeper
  initial(): unknown
  /**
   * `events`: a JSON array of recorded events of one stream. Returns the new state. Throws `{ message, version? }`, with the
   * version of the event that it failed on.
   */
  evolve(state: unknown, events: string): unknown
  /**
   * `command`: JSON `{ type, data }`; `context`: JSON `{ stream, version, now, actor?, replay, arrived? }`. Returns a JSON array of new
   * events. Throws `{ domain, code?, message }`: a refusal by a rule of the domain if `domain` is true, otherwise a bug of the app.
   */
  decide(command: string, state: unknown, context: string): string
  /**
   * The three sides as states; `told`: JSON `{ theirs, mine, context }` with the events of two of them. Returns a JSON array of new events,
   * or undefined to keep those of `mine`. Throws as `decide`.
   */
  merge(command: string, base: unknown, theirs: unknown, mine: unknown, told: string): string | undefined
}

/** How an aggregate's states are kept as snapshots. */
export interface CoreKeeper {
  /** JSON of a policy; undefined means that of `CoreSettings`. */
  policy?: string
  /** What stands for the code that makes the states. */
  fingerprint: string
  /** A state as JSON text. Throws `{ message }` if JSON would change it. */
  write(state: unknown): string
  /** The state again. Throws `{ message }`. */
  read(stored: string): unknown
}

/** What a projection is, apart from its function. */
export interface CoreDefinition {
  name: string
  /** Only events of these types are sent. */
  types: readonly string[]
  /** Only events of these aggregates are sent; none means all. */
  from: readonly string[]
  version: number
  /** Differs where the function differs. */
  fingerprint: string
  indexes: readonly string[]
  kind: 'immediate' | 'background' | 'batch'
  /** After how many events a batch is taken in by itself. */
  every?: number
  retries: number
  then: 'park' | 'skip' | 'stop'
}

/** A projection as the core calls it. Rows live in the core as JSON text. */
export interface CoreProjection {
  /** JSON of a `CoreDefinition`. */
  definition: string
  /**
   * `events`: a JSON array of recorded events; `row(key)` gives the current row as JSON text, during the call only. Returns JSON
   * `[[key, row | null], …]`. Throws `{ message, event }`: the place of the event that it failed on.
   */
  project(events: string, row: (key: string) => string | undefined): string
}

/** An upcaster as the core takes it. */
export interface CoreUpcaster {
  /** JSON `{ type, from, into: [{ type, schemaVersion, steps }] }`. */
  rule: string
  /** Which functions there are: 1 for `upcast`, 2 for `downcast`, 3 for both. */
  functions: number
  /** JSON `{ type, schemaVersion, data }` in, a JSON array of the same out. */
  upcast(event: string): string
  /** The same the other way; undefined if the event did not come from there. */
  downcast(event: string): string | undefined
}

/** A process manager as the core calls it. Each function throws `{ message }`. */
export interface CoreProcess {
  name: string
  /** Only events of these types are sent; none means all. */
  types: string[]
  onPending: boolean
  /** `events`: a JSON array of recorded events. Returns a JSON array: `"ignore"`, `{ start }`, `{ continue }` or `{ stop }` for each. */
  correlate(events: string): string
  /** JSON of the state (undefined: of a new instance), of one event, of `{ instance, now, pending }`. Returns JSON `[state, reactions]`. */
  advance(state: string | undefined, event: string, context: string, reacts: boolean): string
  /** Returns a JSON array of reactions. */
  timedOut(state: string, name: string, context: string): string
}

/** The settings of an opening. */
export interface CoreSettings {
  name: string
  /** `auto`: IndexedDB, or memory where there is none. */
  storage: 'auto' | 'indexeddb' | 'memory'
  durability: 'relaxed' | 'strict'
  /** Whether a server is the authority. */
  sync: boolean
  /** Milliseconds between pulls while idle. */
  pollInterval: number
  /** The schema versions that the server takes of types. */
  pushAs?: readonly (readonly [type: string, schemaVersion: number])[]
  /** The streams that are followed from now on, by rules; undefined: those of before. */
  follow?: { streams: readonly string[]; forget?: boolean }
  /** A policy of snapshots in the core's terms; see `corePolicy` in `snapshot.ts`. */
  snapshots?: Record<string, unknown>
  actor?: string
  unknownEvents?: 'keep' | 'skip' | 'error'
  /** The types that the app knows, with the newest schema version of each if it matters. */
  knownEvents?: [type: string, schemaVersion: number | null][]
  /** The aggregates, projections and process managers that the wasm has to bring itself, by name. */
  rustAggregates: readonly string[]
  rustProjections: readonly string[]
  rustProcesses: readonly string[]
}

/** What the core takes from outside. It is called during calls into the core and must not call back. */
export interface CoreHooks {
  /** Milliseconds since 1970. */
  now(): number
  /** Milliseconds since some fixed moment, with fractions: for measuring. */
  elapsed(): number
  /** Whether `measured` wants to be called; asked once. */
  measuring: boolean
  /** Something took so many milliseconds, from a moment of `elapsed` on. */
  measured(timing: string, began: number, took: number): void
  /** Fills the array with random bytes. */
  random(into: Uint8Array): void
  /** One HTTP exchange with the server; `path` is below the sync URL, such as `/commits`. Rejects with `{ code, message }` if no answer came; the code `timeout` counts. */
  send(method: string, path: string, body: string | undefined): Promise<CoreAnswer>
  /** Asks the app for a new token after a 401; resolves to whether there is one. */
  renewToken(): Promise<boolean>
  sleep(milliseconds: number): Promise<void>
  /** Waits for the next sign of the server by this way; a stream stays open from one call to the next. `after`: the cursor where a new one begins. `follow`: what its query says of the streams, such as `&follow=course`; it changes after `hangUp` only. */
  listen(way: 'stream' | 'long-poll', after: string, follow: string): Promise<CoreSign>
  /** Closes what `listen` left open. */
  hangUp(): void
  /** The log changed, by this tab, another tab or the sync. `streams`: those with new or changed events; undefined means that any may have. `sync`: whether queue, rejected list or sync status changed. */
  changed(streams: string[] | undefined, sync: boolean): void
  /** Compresses bytes, or restores them; undefined if it can't. */
  pack(bytes: Uint8Array, unpack: boolean): Promise<Uint8Array | undefined>
  /** Tell the other tabs: they hand this text to `core.heard(text)`. */
  post(message: string): void
  /** Something failed in the background that nobody awaits: a `CoreFailure`. */
  failed(failure: unknown): void
  /** What became of commits whose streams moved: JSON array of `Met`. Only in the tab that found it. */
  met(conflicts: string): void
  /** There is something to do after so many milliseconds: `core.maintain()`. */
  later(milliseconds: number): void
  /** Another tab holds an older version of the database open; resolves, if ever, when opening is to give up. */
  blocked(): Promise<void>
  /** The wasm panicked, in whatever call: its memory can't be trusted any more, and promises under way get no answer. */
  crashed(message: string): void
}

/** An answer of the server. */
export interface CoreAnswer {
  status: number
  /** The media type, in lower case, without parameters; empty if there is none. */
  contentType: string
  body: string
  /** What `Retry-After` asked for, in milliseconds. */
  retryAfter?: number
}

/** What was heard of the server: see `Heard` in `src/sync/live.rs`. */
export interface CoreSign {
  heard: 'open' | 'news' | 'quiet' | 'closed' | 'broken' | 'busy' | 'unfit'
  /** Of news: the cursor before the page, and the page as JSON. */
  after?: string
  page?: string
  /** Of a busy server: milliseconds to wait at least. */
  wait?: number
}

/** A moment: one of its forms, or `{}` for now. */
export type CoreMoment = { version?: number } | { position: number } | { commit: string; version: number } | { time: number } | { known: number }

/** The `execute`/`append` answer as JSON: `{ commitId, stream, version, events: RecordedEvent[] }`. */
export type ReceiptJson = string

export interface Core {
  execute(aggregate: string, id: string, command: string, options: string): Promise<ReceiptJson>
  /** `events`: JSON array of new events; `options`: JSON `{ expectedVersion?, policy?, actor?, correlationId?, causationId?, traceparent? }`. */
  append(stream: string, events: string, options: string): Promise<ReceiptJson>
  /** Many commits in one transaction, all or none: JSON `[{ stream, events, expectedVersion? }, …]`. Resolves to the number of events. */
  appendMany(commits: string): Promise<number>
  /** `at`: JSON of `CoreMoment`. Resolves to the state, the JavaScript value that `evolve` made, and the version. */
  load(aggregate: string, id: string, at: string): Promise<[state: unknown, version: number]>
  /**
   * `query`: JSON of `CoreQuery` in `read.ts`, with `limit`. Answers JSON `{ events, next: string | null }`; a page may hold fewer
   * events than asked for and still have a next one.
   */
  read(query: string): Promise<string>
  version(stream: string): number
  streams(aggregate: string | undefined): string[]
  /** JSON of a `Snapshot`; undefined if there is no confirmed event. */
  takeSnapshot(aggregate: string, id: string): Promise<string | undefined>
  /** JSON array of `Snapshot`. */
  snapshots(aggregate: string, id: string): Promise<string>
  discardSnapshots(aggregate: string, id: string | undefined): Promise<number>
  /** A row as it stood at a moment. */
  rowAt(projection: string, key: string, at: string): Promise<string | undefined>
  /** All rows as they stood at a moment: as `rows`. */
  rowsAt(projection: string, at: string): Promise<string>
  /** What became of the rows, or of one, between two moments: JSON `{ rows: [{ key, before?, after?, changes }], events, total }`. */
  rowsDifference(projection: string, key: string | undefined, from: string, to: string, limit: number): Promise<string>
  /** The fields in which two JSON documents differ: JSON `[{ path, before?, after? }]`. */
  fieldChanges(before: string, after: string): string
  /** The next events of a replay; without a cursor it begins. JSON `{ events, failures, cursor, progress, done }`. */
  replayStep(replay: string, cursor: string | undefined): Promise<string>
  // Projections.
  /** A row as JSON text, after bringing the projection up to the log's end. */
  row(projection: string, key: string): Promise<string | undefined>
  /** All rows: JSON `[[key, row], …]`, sorted by key. */
  rows(projection: string): Promise<string>
  /** `query`: JSON of `encodeRowQuery`. Resolves to JSON `{ rows, count, stamp }`, or to undefined if the answer still has this stamp. */
  queryRows(projection: string, query: string, stamp: number): Promise<string | undefined>
  /** JSON of a `CoreProjectionStatus`, or without a name of an array of them all. */
  projectionStatus(projection: string | undefined): Promise<string>
  /** Brings a projection up to the log's end, of whatever kind it is; resolves to the position reached. */
  bringUp(projection: string): Promise<number>
  /** One step of a rebuild: JSON of a `CoreRebuildProgress`. With `cancel` it is given up for now. */
  rebuildProjection(projection: string, cancel: boolean): Promise<string | undefined>
  /** JSON array of `DeadLetter`. */
  deadLetters(projection: string): Promise<string>
  /** JSON `{ streams, failed }`. */
  replayDeadLetters(projection: string, stream: string | undefined): Promise<string>

  /** Resolves when the commit of this stream is settled: JSON of an Outcome. */
  outcome(stream: string, commitId: string): Promise<string>
  /** The first `limit` pending commits: JSON array of `QueuedCommit`. */
  queue(limit: number): Promise<string>
  /** JSON array of `RejectedCommit`. */
  rejected(): Promise<string>
  /** JSON array of `Orphan`. */
  orphans(): Promise<string>
  /** The streams that the server has archived: `{ marker, here }[]`. */
  archived(): string
  /** Takes an orphan off the list; whether it was there. */
  forget(commitId: string): Promise<boolean>
  /** Takes the log of this identity for this database's; how many confirmed commits are offered to it. */
  adopt(logId: string): Promise<number>
  /** JSON array of `Conflict`. */
  conflicts(): Promise<string>
  /** `choice`: JSON `"keep"`, `"redecide"`, `"discard"`, `{ events }` or `{ command }`. */
  resolve(commitId: string, choice: string): Promise<void>
  /** With another command in place of the recorded one, if it is given; `options` as those of `execute`. */
  retry(commitId: string, command: string | undefined, options: string): Promise<ReceiptJson>
  discard(commitId: string): Promise<boolean>
  status(): CoreStatus
  /** Lets the processes go on by what there is: JSON `{ due: number | null, troubled }`. Call it while holding the Web Lock. */
  advanceProcesses(): Promise<string>
  /** JSON array of `ProcessInstance`: all of a process, or the one of this id. */
  processes(process: string, id: string | undefined): Promise<string>
  /** JSON of `ProcessStatus`. */
  processStatus(process: string): Promise<string>
  retryProcess(process: string, id: string): Promise<void>
  /** Runs the sync loop until `syncStop`; call it while holding the Web Lock. */
  syncRun(): Promise<void>
  syncStop(): void
  /** Asks the loop (in whatever tab) for a round now. */
  syncNow(): void
  /** `follow`: JSON `{ streams, forget? }`. */
  syncFollow(follow: string): Promise<void>
  syncPause(): void
  syncResume(): void
  setOnline(online: boolean): void
  /** A message that another tab posted. */
  heard(message: string): Promise<void>
  /** One step of background work; true if there is more to do. Call it when idle. */
  maintain(): Promise<boolean>
  close(): void

  /** `options`: JSON of `ExportOptions` in `src/transfer/mod.rs`. */
  exportLog(options: string): CoreExport
  /** `options`: JSON `{ mode?, source? }`. */
  importLog(options: string): CoreImport

  metrics(): Metrics
  resetMetrics(): void
  health(told: CoreTold): Health
  dump(told: CoreTold, names: boolean): Promise<Dump>
}

/** What the core can't know by itself. */
export interface CoreTold {
  standing: 'durable' | 'best-effort' | 'memory'
  /** Why it is memory, if IndexedDB was wanted. */
  reason?: string | undefined
  quota?: number | undefined
  usage?: number | undefined
  /** How the sync stands, whichever tab runs it. */
  unauthorized: boolean
  failure?: [code: string, message: string] | undefined
  lastSyncedAt?: number | undefined
}

/** Where a projection stands. */
export interface CoreProjectionStatus {
  name: string
  kind: CoreDefinition['kind']
  version: number
  /**
   * - `current`: its rows are those of the log's end.
   * - `behind`: it has events to take in.
   * - `rebuilding`: its rows are being made anew; those that are read are the old ones.
   * - `retrying`: an event failed and is tried again.
   * - `stopped`: an event failed; it stays before it until the log is opened again or the projection is rebuilt.
   */
  state: 'current' | 'behind' | 'rebuilding' | 'retrying' | 'stopped'
  /** The position of the last confirmed event that the rows have seen. */
  position: number
  /** The position of the last confirmed event of the log. */
  head: number
  /** `head` less `position`. */
  lag: number
  /** The number of rows that confirmed events make. */
  rows: number
  /** The number of events that made them. */
  events: number
  /** Another one after a rebuild. */
  generation: number
  /** The number of parked streams. */
  parked: number
  /** The number of events passed over. */
  skipped: number
  /** The position up to which the rows are stored. */
  stored: number
  /** Whether an app of another version stores rows of its own, so that this tab's stay in memory. */
  detached: boolean
  /** How far the new rows are, while they are made. */
  rebuild?: CoreRebuildProgress
  /** What went wrong last; times in milliseconds since 1970. */
  error?: { code: string; message: string; stream?: string; version?: number; position?: number; at?: number; failures: number; retryAt?: number }
}

/** How far a rebuild is. */
export interface CoreRebuildProgress {
  /** The position of the last event that it has seen. */
  position: number
  /** The position of the last confirmed event of the log. */
  head: number
  /** The events that it has taken in. */
  events: number
  /** The rows that it has made. */
  rows: number
  /** Whether the new rows are the ones that are read. */
  done: boolean
}

/** An export under way. */
export interface CoreExport {
  /** The next chunk of text; undefined at the end. */
  next(): Promise<string | undefined>
  /** JSON of `TransferProgress` in `transfer.ts`. */
  progress(): string
}

/** An import under way. All resolve to JSON of `TransferProgress`. */
export interface CoreImport {
  push(text: string): Promise<string>
  /** `rows`: JSON `[{ key, stream, events }]`. */
  rows(rows: string): Promise<string>
  finish(): Promise<string>
}

export interface CoreStatus {
  storage: 'indexeddb' | 'memory'
  /** Why it is memory, if IndexedDB was asked for. */
  storageReason?: string
  deviceId: string
  position: number
  confirmedEvents: number
  pendingCommits: number
  pendingEvents: number
  pendingSince?: number
  rejected: number
  conflicts: number
  orphans: number
  archived: number
  blocks: number
  cursor: string
  corrupt: { table: string; key: string; reason: string }[]
  sync: CoreSyncStatus
}

export interface CoreSyncStatus {
  state: 'off' | 'following' | 'idle' | 'pushing' | 'pulling' | 'waiting' | 'offline' | 'paused' | 'unauthorized'
  /** Whether this tab runs the loop. */
  leader: boolean
  /** When the last round that reached the server's end was done, ms since 1970. */
  lastSyncedAt?: number
  /** The last failure, until a round succeeds. */
  error?: { code: string; message: string; logId?: string }
  /** When the next attempt is due, ms since 1970, while waiting. */
  retryAt?: number
  /** Whether the past of newly followed streams is being fetched. */
  fetching: boolean
  /** How the tab that runs the loop hears of news. */
  live: 'stream' | 'long-poll' | 'poll'
  /** The last time that the server was found to have lost history: when (ms since 1970), the position back to which this log went, and how many
   * commits are offered again. */
  rewound?: { at: number; position: number; commits: number }
  /** The last time that this database was found to be a copy of another: when (ms since 1970), the id that the other one goes on with, and its own. */
  renamed?: { at: number; from: string; to: string }
}

/** Opens a core: the function that the wasm exports. */
export type OpenCore = (
  settings: CoreSettings,
  aggregates: CoreAggregate[],
  projections: CoreProjection[],
  upcasters: CoreUpcaster[],
  processes: CoreProcess[],
  hooks: CoreHooks,
) => Promise<Core>
