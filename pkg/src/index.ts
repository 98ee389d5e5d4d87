/**
 * Tidelog: event sourcing in the browser. Aggregates decide offline, their events are durable in IndexedDB before the promise
 * resolves, and the sync brings them home: it pulls what others did, rebases what was decided here, and gives every command a
 * typed outcome.
 *
 * ```ts
 * import { aggregate, open } from 'tidelog'
 *
 * type CompleteLesson = { type: 'CompleteLesson'; data: { lesson: string } }
 * type LessonCompleted = { type: 'LessonCompleted'; data: { lesson: string } }
 *
 * const course = aggregate({
 *   name: 'course',
 *   initialState: () => ({ lessons: [] as string[] }),
 *   decide(command: CompleteLesson, state): LessonCompleted[] {
 *     return state.lessons.includes(command.data.lesson) ? [] : [{ type: 'LessonCompleted', data: command.data }]
 *   },
 *   evolve: (state, event: LessonCompleted) => ({ lessons: [...state.lessons, event.data.lesson] }),
 * })
 *
 * const tidelog = await open({ name: 'academy', aggregates: [course] })
 * await tidelog.execute(course, 'algebra-1', { type: 'CompleteLesson', data: { lesson: 'l1' } })
 * const { state } = await tidelog.load(course, 'algebra-1') // { lessons: ['l1'] }
 * ```
 */
export { aggregate } from './aggregate.js'
export type { Aggregate, AggregateDefinition, AnyAggregate, CommandOf, DecideContext, EventOf, GivenOf, StateOf } from './aggregate.js'
export type { BulkOptions, BulkProgress } from './bulk.js'
export type { AnyCommand, AppendOptions, BulkCommit, ExecuteOptions, ExpectedVersion, MessageOptions, Policy } from './command.js'
export type { Choice, Conflict, MergeFunction, Met, Side } from './conflict.js'
export type { Difference, DifferenceOptions, FieldChange, RowsDifference } from './difference.js'
export type { Channel, Environment, OnlineSource } from './environment.js'
export { isTidelogError, TidelogError } from './errors.js'
export type { ErrorCode, ErrorDetails } from './errors.js'
export type { AnyEvent, EventExtras, EventRecord, Metadata, NewEvent, RecordedEvent } from './event.js'
export type { Dump, DumpedCommit, Health, HealthReason, HealthState } from './health.js'
export type { Live, Readable } from './live.js'
export type { Counter, Latency, LiveMetrics, Metrics, Timing } from './metrics.js'
export type { AppendContext, CommandChanges, CommandContext, Middleware, QueryContext } from './middleware.js'
export type { Moment, MomentOptions, PastEvent } from './moment.js'
export { open } from './open.js'
export type { OpenOptions } from './open.js'
export { processManager, reaction } from './process.js'
export type { AnyProcess, Correlation, ProcessContext, ProcessDefinition, ProcessManager, Reaction, Reactions } from './process.js'
export type { ProcessCondition, Processes, ProcessInstance, ProcessState, ProcessStatus } from './processes.js'
export { projection } from './projection.js'
export type { AnyProjection, Handlers, OnProjectionError, Projection, ProjectionDefinition, ProjectionOptions, RowOf, Rows } from './projection.js'
export type { DeadLetter, DeadLetters, Projections, ProjectionStatus, RebuildOptions, RebuildProgress } from './projections.js'
export type { Deciding, EventPage, EventReader, OfType, ReadQuery } from './read.js'
export type { Evolving, Reducer, Replay, ReplayCallback, ReplayFailure, ReplayOptions, ReplayProgress, ReplayReport } from './replay.js'
export type { Orphan, Outcome, QueuedCommit, Reason, Receipt, RejectedCommit } from './receipt.js'
export { rustAggregate, rustProcess, rustProjection } from './rust.js'
export { DomainError, isDomainError } from './refusal.js'
export type { Comparable, Condition, FieldOf, RowPage, RowQuery, Where } from './row-query.js'
export type { Conflicts, Orphans, Queue, Rejected } from './resolve.js'
export type { InputsOf, Issue, MessagesOf, SchemaMap, Schemas, StandardSchema } from './schema.js'
export type { Snapshot, SnapshotConditions, SnapshotDefinition, SnapshotPolicy, Snapshots } from './snapshot.js'
export type { CorruptRow, Storage, StorageReport } from './storage.js'
export type { ArchivedStream, Sync, SyncStatus } from './sync.js'
export type { Loaded, LoadOptions, Tidelog } from './tidelog.js'
export type { Hooks, Span } from './trace.js'
export type { Follow, SyncOptions } from './sync-options.js'
export type { Export, ExportOptions, ImportedRow, ImportOptions, ImportSource, LogPart, RowImportOptions, TransferOptions, TransferProgress } from './export.js'
export { upcaster } from './upcaster.js'
export type { Step, Target, UpcastEvent, Upcaster, UpcasterDefinition, UpcastResult } from './upcaster.js'
export type { Wasm, WasmModule, WasmSource } from './wasm.js'
