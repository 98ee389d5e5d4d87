/** An open log. */
import type { AdaptedAggregate } from './adapt-aggregate.js'
import type { Aggregate, AnyAggregate } from './aggregate.js'
import type { BulkOptions, BulkProgress } from './bulk.js'
import type { AnyCommand, AppendOptions, BulkCommit, ExecuteOptions } from './command.js'
import type { Core } from './core.js'
import type { Difference, DifferenceOptions, RowsDifference } from './difference.js'
import { encodeCommand, encodeEvents, executeOptions, expected, integer, messageOptions, text } from './encode.js'
import { invalidArgument, TidelogError } from './errors.js'
import type { AnyEvent, NewEvent } from './event.js'
import { dumpOf, healthOf, type Dump, type Health } from './health.js'
import { LiveValue, type Live } from './live.js'
import { makeMetrics, type LiveMetrics } from './metrics.js'
import type { QueryContext } from './middleware.js'
import { momentOf, type MomentOptions } from './moment.js'
import { pastPart, transferPart } from './parts.js'
import type { AnyProjection, Projection, Rows } from './projection.js'
import { makeProjections, type Projections } from './projections.js'
import { coreQuery, eventReader, pageSize, type CoreQuery, type EventPage, type EventReader, type OfType, type ReadQuery } from './read.js'
import { makeReceipt, type Outcome, type OutcomeOf, type Receipt } from './receipt.js'
import { startReplay, type Evolving, type Reducer, type Replay, type ReplayCallback, type ReplayOptions } from './replay.js'
import { makeConflicts, makeOrphans, makeQueue, makeRejected, type Conflicts, type Orphans, type Queue, type Rejected } from './resolve.js'
import { encodeRowQuery, type RowPage, type RowQuery } from './row-query.js'
import type { Processes } from './processes.js'
import type { Session } from './session.js'
import { makeSnapshots, type Snapshots } from './snapshot.js'
import type { Storage } from './storage.js'
import type { Sync } from './sync.js'
import { makeExport, type Export, type ExportOptions, type ImportOptions, type ImportSource, type RowImportOptions, type TransferProgress } from './export.js'

/** An aggregate's instance as it stands. */
export interface Loaded<State> {
  /** Its state. */
  readonly state: State
  /** The number of events that made it; 0 if there is none. */
  readonly version: number
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- whatever its commands: functions of any parameters accept no narrower type
type Instances<State, Event extends AnyEvent> = Aggregate<State, any, Event, any>

/** The options of `load`. */
export type LoadOptions = MomentOptions

/** What a tidelog is made of. */
export interface TidelogParts {
  readonly session: Session
  readonly sync: Sync
  readonly storage: Storage
  readonly adapted: ReadonlyMap<AnyAggregate, AdaptedAggregate>
  readonly projections: readonly AnyProjection[]
  readonly processes: Processes
  /** Where an aggregate has schemas. */
  readonly validation: typeof import('./validation.js') | undefined
}

/** An open log, made by `open()`. */
export class Tidelog {
  /** The name it was opened by. */
  readonly name: string
  /** The sync with the server. */
  readonly sync: Sync
  /** Where the log is kept, and how safe it is there. */
  readonly storage: Storage
  /** What this opening has counted and measured. */
  readonly metrics: LiveMetrics
  /** The process managers: how their instances stand. */
  readonly processes: Processes
  /** The commits that wait for the server. */
  readonly queue: Queue
  /** The commits that can't be confirmed any more, until the app resolves them. */
  readonly rejected: Rejected
  /** Commits of other devices that the server has lost and that can't be brought back from here. */
  readonly orphans: Orphans
  /** The conflicts that a person is asked about, and what becomes of commits whose streams move. */
  readonly conflicts: Conflicts
  /** The snapshots of aggregates. */
  readonly snapshots: Snapshots
  /** Where the projections stand; rebuilds and dead letters. */
  readonly projections: Projections

  readonly #parts: TidelogParts
  readonly #session: Session
  readonly #core: Core
  readonly #outcome: OutcomeOf = (stream, commitId) => this.outcome(stream, commitId)

  /** @internal Made by `open()`. */
  constructor(parts: TidelogParts) {
    this.#parts = parts
    this.#session = parts.session
    this.#core = parts.session.core
    this.name = parts.session.name
    this.sync = parts.sync
    this.storage = parts.storage
    this.metrics = makeMetrics(parts.session)
    this.processes = parts.processes
    this.queue = makeQueue(this.#session)
    const aggregates = (): Iterable<AnyAggregate> => parts.adapted.keys()
    this.rejected = makeRejected(this.#session, this.#outcome, aggregates)
    this.orphans = makeOrphans(this.#session)
    this.conflicts = makeConflicts(this.#session, aggregates)
    this.snapshots = makeSnapshots(this.#session, (aggregate) => void this.#aggregate(aggregate))
    this.projections = makeProjections(this.#session, (projection) => this.#projection(projection))
  }

  /**
   * Decides `command` on the state as it is now and appends what it decides. If another tab is faster, it decides again a few times.
   * When the promise resolves, the events are durable on this device.
   *
   * @throws {TidelogError} `refused` (by a rule of the aggregate or a middleware), `invalid-command` and `invalid-event` (by a schema),
   * `middleware-failed`, `decide-failed`, `evolve-failed`, `version-conflict` (with
   * `expectedVersion`, or if other tabs were faster again and again), `unknown-aggregate`, `not-json`, `too-large`,
   * `invalid-argument`, `quota-exceeded` and other failures of storage. Nothing is written then.
   */
  async execute<State, Command extends AnyCommand, Event extends AnyEvent, Given extends AnyCommand = Command>(
    aggregate: Aggregate<State, Command, Event, Given>,
    id: string,
    command: NoInfer<Given>,
    options: ExecuteOptions = {},
  ): Promise<Receipt<Event>> {
    const adapted = this.#aggregate(aggregate)
    const { name, schemas } = aggregate
    const stream = `${name}-${text(id, 'id')}`
    return this.#session.around.command({ aggregate: name, id, stream, command, options }, async ({ command, options }) => {
      const valid = this.#parts.validation?.checkCommand(name, schemas.commands, command)
      const json = encodeCommand(valid ? await valid : command)
      const sent = executeOptions(options)
      const receipt = await this.#session.call(() => adapted.catching(stream, json, () => this.#core.execute(name, id, json, sent)))
      return makeReceipt<Event>(receipt, this.#outcome)
    })
  }

  /**
   * An aggregate's instance as it stands now, pending events included, or as it once was.
   *
   * @throws {TidelogError} `unknown-aggregate`, `evolve-failed`, `invalid-argument`, `corrupt`.
   */
  async load<State, Event extends AnyEvent>(
    aggregate: Instances<State, Event>,
    id: string,
    options: LoadOptions = {},
  ): Promise<Loaded<State>> {
    this.#aggregate(aggregate)
    text(id, 'id')
    const moment = momentOf(options, 'version')
    const { name } = aggregate
    const [state, version] = await this.#ask({ kind: 'load', of: name, key: id }, () => this.#core.load(name, id, moment))
    return { state: state as State, version }
  }

  /**
   * Appends events to a stream without a decision: what has happened elsewhere, an import. While they are pending and their stream
   * moves, the `policy` counts: `keep` unless an exact version was expected, then `reject`.
   *
   * @throws {TidelogError} `version-conflict`, `not-json`, `too-large`, `invalid-argument` and failures of storage. Nothing is
   * written then.
   */
  async append<Event extends AnyEvent = AnyEvent>(
    stream: string,
    events: NewEvent<Event> | readonly NewEvent<Event>[],
    options: AppendOptions = {},
  ): Promise<Receipt<Event>> {
    text(stream, 'stream')
    const json = encodeEvents(this.#checked(stream, events))
    if (json === '[]') throw invalidArgument('events', 'an append needs at least one event')
    const { expectedVersion = 'any', policy } = options
    const exact = expected(expectedVersion) === 'none' || typeof expectedVersion === 'number'
    if (policy !== undefined && policy !== 'keep' && policy !== 'reject') throw invalidArgument('policy', 'the policy of an append is keep or reject')
    const sent = { ...messageOptions(options), expectedVersion, policy: policy ?? (exact ? 'reject' : 'keep') }
    const { actor } = options
    const context = { commits: [{ stream, events: Array.isArray(events) ? (events as readonly NewEvent[]) : [events as NewEvent], expectedVersion }], ...(actor === undefined ? {} : { actor }) }
    return this.#session.around.append(context, async () => {
      const receipt = await this.#session.call(() => this.#core.append(stream, json, JSON.stringify(sent)))
      return makeReceipt<Event>(receipt, this.#outcome)
    })
  }

  /**
   * Appends many commits, as an import does: in chunks of at most 1,000 events or 1 MiB of JSON, each of which is written whole
   * or not at all. Takes an array or anything that can be iterated, asynchronously too. Resolves to how much was written.
   *
   * If a chunk fails, the promise rejects with its error (a path in it, such as `commits[17].events[0].data`, names the commit);
   * the chunks before it stay, and `onProgress` has told how many commits they were.
   */
  async appendAll(commits: Iterable<BulkCommit> | AsyncIterable<BulkCommit>, options: BulkOptions = {}): Promise<BulkProgress> {
    this.#session.check()
    const { around } = this.#session
    return (await transferPart()).appendInChunks(commits, options, (chunk, commits) => around.append({ commits }, () => this.#session.call(() => this.#core.appendMany(chunk))), this.#checked)
  }

  /**
   * Reads events in the order of the log, confirmed before pending (or backwards): `for await (const event of tidelog.read(…))`,
   * or `await tidelog.read(…).toArray()`. Events that arrive while it reads may or may not be among them.
   *
   * @throws {TidelogError} `invalid-argument` at once; while reading, `corrupt` and `upcast-failed`.
   */
  read<Event extends AnyEvent = AnyEvent, const Type extends Event['type'] = Event['type']>(query: ReadQuery<Event, Type> = {}): EventReader<OfType<Event, Type>> {
    this.#session.check()
    return eventReader(query, (asked) => this.#page<OfType<Event, Type>>(asked))
  }

  /** One page of events, for lists that load as they are scrolled: at most `limit` (default 500), and where to go on. */
  async page<Event extends AnyEvent = AnyEvent, const Type extends Event['type'] = Event['type']>(query: ReadQuery<Event, Type> = {}): Promise<EventPage<OfType<Event, Type>>> {
    const limit = query.limit === undefined ? pageSize : integer(query.limit, 1, 10_000, 'limit')
    return this.#page<OfType<Event, Type>>({ ...coreQuery(query), limit })
  }

  async #page<Event extends AnyEvent>(query: CoreQuery & { limit: number }): Promise<EventPage<Event>> {
    const { aggregate, stream } = query
    const context = { kind: 'read', ...(aggregate === undefined ? {} : { of: aggregate }), ...(stream === undefined ? {} : { key: stream }) } as const
    return JSON.parse(await this.#ask(context, () => this.#core.read(JSON.stringify(query)))) as EventPage<Event>
  }

  /** An aggregate's instance, live. */
  observe<State, Event extends AnyEvent>(aggregate: Instances<State, Event>, id: string): Live<Loaded<State>> {
    this.#aggregate(aggregate)
    const stream = `${aggregate.name}-${text(id, 'id')}`
    return this.#live((stale) => this.#session.watchers.stream(stream, stale), () => this.load(aggregate, id))
  }

  /** A row of a projection, live: undefined while it is loaded and where there is none. Without a key: all rows, sorted by key. */
  view<Row>(projection: Projection<Row>, key: string): Live<Row | undefined>
  view<Row>(projection: Projection<Row>): Live<Rows<Row>>
  view<Row>(projection: Projection<Row>, key?: string): Live<Row | undefined> | Live<Rows<Row>> {
    this.#projection(projection)
    const watch = (stale: () => void): (() => void) => this.#session.watchers.log(stale)
    return key === undefined ? this.#live(watch, () => this.rows(projection)) : this.#live(watch, () => this.row(projection, key))
  }

  /** A row of a projection, now or as it once was; undefined if there is none. Whoever looks back pays for a fold of the log up to there. */
  async row<Row>(projection: Projection<Row>, key: string, options: MomentOptions = {}): Promise<Row | undefined> {
    this.#projection(projection)
    const at = momentOf(options, 'position')
    const { name } = projection
    const asked = { kind: 'row', of: name, key: text(key, 'key') } as const
    const json = await this.#ask(asked, () => (at === '{}' ? this.#core.row(name, key) : this.#core.rowAt(name, key, at)))
    return json === undefined ? undefined : (JSON.parse(json) as Row)
  }

  /** All rows of a projection, now or as they once were, sorted by key. */
  async rows<Row>(projection: Projection<Row>, options: MomentOptions = {}): Promise<Rows<Row>> {
    this.#projection(projection)
    const at = momentOf(options, 'position')
    const { name } = projection
    return JSON.parse(await this.#ask({ kind: 'rows', of: name }, () => (at === '{}' ? this.#core.rows(name) : this.#core.rowsAt(name, at)))) as Rows<Row>
  }

  /**
   * What changed between two moments: which fields, from what to what, and by which events. Of an aggregate's instance, of a row,
   * or of all rows of a projection.
   *
   * @throws {TidelogError} as `load` and `row`; `not-json` if the states of the aggregate are not what JSON can hold.
   */
  async difference<State, Event extends AnyEvent>(
    aggregate: Instances<State, Event>,
    id: string,
    options: DifferenceOptions,
  ): Promise<Difference<State, Event>>
  async difference<Row>(projection: Projection<Row>, key: string, options: DifferenceOptions): Promise<Difference<Row>>
  async difference<Row>(projection: Projection<Row>, options: DifferenceOptions): Promise<RowsDifference<Row>>
  async difference(subject: AnyAggregate | AnyProjection, idOrOptions: string | DifferenceOptions, options?: DifferenceOptions): Promise<unknown> {
    const between = options ?? (idOrOptions as DifferenceOptions)
    const { around } = this.#session
    const { name } = subject
    if ('decide' in subject) {
      this.#aggregate(subject)
      const id = text(idOrOptions, 'id')
      return around.query({ kind: 'load', of: name, key: id }, async () => (await pastPart()).stateDifference(this.#session, subject, id, between))
    }
    this.#projection(subject)
    const rowsOf = async (key?: string): Promise<RowsDifference<unknown>> => (await pastPart()).rowsDifference(this.#session, subject, key, between)
    if (options === undefined) return around.query({ kind: 'rows', of: name }, () => rowsOf())
    const key = text(idOrOptions, 'key')
    const { rows, ...by } = await around.query({ kind: 'row', of: name, key }, () => rowsOf(key))
    const { before, after, changes } = rows[0] ?? { before: undefined, after: undefined, changes: [] }
    return { before, after, changes, ...by }
  }

  /**
   * Goes through confirmed events once more, batch by batch, and hands them to a callback, or folds them with a projection, an
   * aggregate or a reducer, registered or not. It only reads: process managers don't run, and calls of the handler into the tidelog are
   * refused.
   *
   * ```ts
   * const replay = tidelog.replay(progress, { to: new Date('2014-03-03'), signal })
   * replay.progress.subscribe(({ events, total }) => bar.set(events / total))
   * const { result } = await replay.finished
   * ```
   *
   * @throws {TidelogError} `invalid-argument` at once.
   */
  replay<Row>(projection: Projection<Row>, options?: ReplayOptions): Replay<ReadonlyMap<string, Row>>
  replay<State, Event extends AnyEvent>(aggregate: Evolving<State, Event>, options?: ReplayOptions<Event>): Replay<ReadonlyMap<string, State>>
  replay<State, Event extends AnyEvent>(reducer: Reducer<State, Event>, options?: ReplayOptions<Event>): Replay<State>
  replay<Event extends AnyEvent = AnyEvent>(callback: ReplayCallback<Event>, options?: ReplayOptions<Event>): Replay<undefined>
  replay(handler: unknown, options: ReplayOptions = {}): Replay<unknown> {
    return startReplay(this.#session, handler, options)
  }

  /**
   * The rows of a projection that a query finds, live; `await tidelog.query(…).ready` asks once. The answer is kept until a row changes
   * that the query finds or found.
   *
   * @throws {TidelogError} `invalid-argument` at once.
   */
  query<Row>(projection: Projection<Row>, query: RowQuery<Row> = {}): Live<RowPage<Row>> {
    const name = this.#projection(projection)
    const json = encodeRowQuery(query)
    let known: { readonly page: RowPage<Row>; readonly stamp: number } | undefined
    return this.#live((stale) => this.#session.watchers.log(stale), async () => {
      const answer = await this.#ask({ kind: 'rows', of: name }, () => this.#core.queryRows(name, json, known?.stamp ?? -1))
      if (answer !== undefined || !known) {
        const { stamp, ...page } = JSON.parse(answer!) as RowPage<Row> & { stamp: number }
        known = { page, stamp }
      }
      return known.page
    })
  }

  /**
   * What becomes of a commit: resolves when it is settled. For commits of an earlier opening; a receipt has it as `confirmed`.
   *
   * @throws {TidelogError} `unknown-commit` if it is neither pending nor in the log nor rejected: it was never there, or it was
   * discarded or absorbed before; `closed` if the tidelog is closed first.
   */
  async outcome<Event extends AnyEvent = AnyEvent>(stream: string, commitId: string): Promise<Outcome<Event>> {
    return JSON.parse(await this.#session.call(() => this.#core.outcome(text(stream, 'stream'), text(commitId, 'commitId')))) as Outcome<Event>
  }

  /**
   * The log or a part of it as text: a backup, a person's data, or CloudEvents for other systems. Nothing is read before it is iterated
   * over, and what reads it is loaded then.
   *
   * @throws {TidelogError} while reading: `invalid-argument`, `corrupt`, `upcast-failed` and `no-downcast`.
   */
  export(options: ExportOptions = {}): Export {
    return makeExport(this.#session, options)
  }

  /**
   * Takes in what `export` gave, CloudEvents, or with `map` the rows of another database. What is here already is known by its ids, so an
   * import that was interrupted is simply begun again. Resolves to what was written.
   *
   * @throws {TidelogError} `unreadable-import`, `damaged-import`, `import-cut-short`, `newer-format`, `not-restorable`, `diverged`,
   * `version-conflict` (of rows), `invalid-argument` and failures of storage. What was written before stays.
   */
  import<Row>(rows: Iterable<Row> | AsyncIterable<Row>, options: RowImportOptions<Row>): Promise<TransferProgress>
  import(source: ImportSource, options?: ImportOptions): Promise<TransferProgress>
  async import<Row>(source: unknown, options: ImportOptions & Partial<RowImportOptions<Row>> = {}): Promise<TransferProgress> {
    this.#session.check()
    return (await transferPart()).runImport(this.#session, source, options)
  }

  /** The version of a stream now, pending events included; 0 if there is no such stream. */
  version(stream: string): number {
    this.#session.check()
    return this.#session.now(() => this.#core.version(text(stream, 'stream')))
  }

  /** Whether a stream has an event, pending ones included: whether its version is above 0. */
  exists(stream: string): boolean {
    return this.version(stream) > 0
  }

  /** The names of the streams, all or those of one aggregate, sorted. */
  streams(aggregate?: AnyAggregate | string): readonly string[] {
    this.#session.check()
    return this.#session.now(() => this.#core.streams(typeof aggregate === 'string' ? aggregate : aggregate?.name))
  }

  /** Whether something needs attention, and what: worth a look now and then, and before asking for help. */
  health(): Health {
    return healthOf(this.#session, this.storage, this.sync)
  }

  /**
   * How the log stands, for a bug report: plain data without any payload, and without names of streams and people unless `names` is
   * true. Streams are numbered instead.
   */
  dump(options: { readonly names?: boolean } = {}): Promise<Dump> {
    return dumpOf(this.#session, this.storage, this.sync, options.names === true)
  }

  /** The id of this device: of this database in this browser profile. A copy of it gets another one: see `sync.status.renamed`. */
  get deviceId(): string {
    return this.#session.status().deviceId
  }

  /** Whether it has been closed. */
  get closed(): boolean {
    return this.#session.closed
  }

  /** Stops the sync, lets go of the database, and refuses calls from now on with `closed`. What was acknowledged stays. */
  close(): void {
    this.#session.close()
  }

  #live<Value>(watch: (stale: () => void) => () => void, load: () => Promise<Value>): Live<Value> {
    return new LiveValue({ watch, load, failed: this.#session.failed })
  }

  /** A query of the core, through the middleware. */
  #ask<Answer>(context: QueryContext, run: () => Promise<Answer>): Promise<Answer> {
    return this.#session.around.query(context, () => this.#session.call(run))
  }

  /** Events for a stream as the schemas of its aggregate would have them. */
  readonly #checked = (stream: string, events: unknown, path?: string): unknown => {
    const [name] = String(stream).split('-', 1)
    for (const aggregate of this.#parts.adapted.keys()) if (aggregate.name === name) return this.#parts.validation?.checkEvents(aggregate.schemas.events, events, path) ?? events
    return events
  }

  #aggregate(aggregate: AnyAggregate): AdaptedAggregate {
    this.#session.check()
    const adapted = this.#parts.adapted.get(aggregate)
    if (adapted) return adapted
    const name = String((aggregate as AnyAggregate | undefined)?.name)
    throw new TidelogError('unknown-aggregate', `the aggregate ${name} was not given to open()`, { aggregate: name })
  }

  #projection(projection: AnyProjection): string {
    this.#session.check()
    if (this.#parts.projections.includes(projection)) return projection.name
    const name = String((projection as AnyProjection | undefined)?.name)
    throw new TidelogError('unknown-projection', `the projection ${name} was not given to open()`, { projection: name })
  }
}
