/** Opening a log. */
import { adaptAggregate, type AdaptedAggregate } from './adapt-aggregate.js'
import { adaptProjection } from './adapt-projection.js'
import type { AnyAggregate } from './aggregate.js'
import { Alarms } from './alarms.js'
import type { Met } from './conflict.js'
import { pack } from './compression.js'
import type { Core, CoreHooks, CoreSettings } from './core.js'
import { surroundings, type Environment } from './environment.js'
import { asTidelogError, coreCrashed, invalidArgument, messageOf, TidelogError } from './errors.js'
import type { AnyProjection } from './projection.js'
import { LiveValue, type Live } from './live.js'
import { Maintenance } from './maintenance.js'
import type { Around, Middleware } from './middleware.js'
import { backgroundSyncPart, crashRecoveryPart, layersPart, loadAhead, processesPart, tracePart, transportPart, upcastingPart, validationPart } from './parts.js'
import { unknownProcess, type AnyProcess, type ProcessManager } from './process.js'
import type { Processes, ProcessInstance } from './processes.js'
import { Purity } from './purity.js'
import { isRust } from './rust.js'
import { Session } from './session.js'
import { corePolicy, type SnapshotPolicy } from './snapshot.js'
import { StorageControl, warnBeforeClose } from './storage.js'
import { versions } from './read.js'
import { SyncControl } from './sync.js'
import { Tabs } from './tabs.js'
import { Tidelog } from './tidelog.js'
import { checkSync, defaultPollInterval, following, type SyncOptions } from './sync-options.js'
import type { Hooks } from './trace.js'
import type { Transport } from './transport.js'
import type { Upcaster } from './upcaster.js'
import type { Change } from './watchers.js'
import { wasmCore, type Wasm } from './wasm.js'

/** The options of `open()`. */
export interface OpenOptions {
  /**
   * The name of the log on this device: one database, shared by all tabs of the origin that open this name. From 1 to 128
   * characters. An app in which several people log in on one device gives each of them a log of their own.
   */
  readonly name: string
  /** The aggregates that may be executed, loaded and observed. Pending commands of others wait until they are given again. */
  readonly aggregates?: readonly AnyAggregate[]
  /** The projections that may be viewed. */
  readonly projections?: readonly AnyProjection[]
  /** The process managers: what leads from events to commands. One tab lets them act. */
  readonly processes?: readonly AnyProcess[]
  /** The steps by which events of older shapes are read as the newest. */
  readonly upcasters?: readonly Upcaster[]
  /** What stands around commands, appends and queries, the outermost first. */
  readonly middleware?: readonly Middleware[]
  /**
   * What becomes of events that this app does not know, because a newer version of it wrote them. `keep` (default): `read` shows them
   * as they are, aggregates and projections are not given them. `skip`: they are left out everywhere. `error`: whatever reads one
   * fails with `unknown-event`. Known are the types that projections, upcasters and the `events` of aggregates name; an aggregate that
   * doesn't name its events knows all of its streams.
   */
  readonly unknownEvents?: 'keep' | 'skip' | 'error'
  /** The types of events that this app knows, instead of those found out: a list, or with the newest schema version of each. */
  readonly knownEvents?: readonly string[] | Readonly<Record<string, number>>
  /** The server that confirms. Default: none; then this device is the authority, and turning sync on later offers it all. */
  readonly sync?: SyncOptions
  /** On whose behalf commands are executed, unless the call says otherwise. At most 512 bytes. */
  readonly actor?: string
  /** When snapshots of aggregates are taken, unless an aggregate says otherwise. Default: when the events since outweigh the state. */
  readonly snapshots?: SnapshotPolicy
  /**
   * Where the log is kept. `auto` (default): in IndexedDB, or in memory where there is none (a private window), and
   * `tidelog.storage` says so. `indexeddb`: there or not at all. `memory`: nothing outlives the page.
   */
  readonly storage?: 'auto' | 'indexeddb' | 'memory'
  /**
   * How hard an append pushes its bytes towards the disk before it resolves. `relaxed` (default): they survive the death of the
   * browser, though not a power cut in the next seconds. `strict`: flushed to the disk, about twice as slow.
   */
  readonly durability?: 'relaxed' | 'strict'
  /**
   * The wasm, if it is not to be fetched from beside the package's JavaScript (only the first `open()` of a page looks at it), or a
   * module of the app's own with aggregates in Rust: `import('./wasm/academy.js')`.
   */
  readonly wasm?: Wasm | Promise<Wasm>
  /**
   * Whether the browser asks before the page is closed while commits wait for the server. Default false. Browsers ask only if the person
   * has used the page, in words of their own, and a phone may end a page without asking.
   */
  readonly warnBeforeClose?: boolean
  /**
   * Told when this version of the app has to bring the database to a newer format, and another tab that was loaded earlier holds it open
   * and does not let go: a frozen tab, mostly. Then is the moment to ask the person to close the other tabs: `open()` goes on as soon as it
   * can. Default: `open()` rejects with `storage-blocked` after 3 seconds.
   */
  readonly onBlocked?: () => void
  /**
   * Whether the browser is asked to wake the app's service worker when there is a network again, so that what was decided offline is sent also
   * with no page open. Default false. It wants `tidelog/service-worker` in the worker, and a browser with Background Sync (Chromium); elsewhere
   * what waits is sent at the next visit.
   */
  readonly backgroundSync?: boolean
  /** Told of failures that nobody awaits: that the database was taken away (`closed` with `details.by`), of live values, of maintenance, of the sync loop itself. Default: `console.error`. */
  readonly onError?: (error: TidelogError) => void
  /** Who is told while the tidelog works: fit for spans of OpenTelemetry. */
  readonly hooks?: Hooks
  /**
   * Whether every timing is put on the timeline of the page (User Timing, `performance.measure`), for a profiler. Default false: the
   * entries add up until `performance.clearMeasures()`.
   */
  readonly marks?: boolean
  /** Parts of the surroundings to replace: the clock, the network, locks … */
  readonly environment?: Partial<Environment>
}

/**
 * Opens a log. It resolves as soon as the log on this device can be read and written; it does not wait for the server.
 *
 * ```ts
 * const tidelog = await open({ name: 'academy', aggregates: [course], sync: { url: '/logs/academy' } })
 * ```
 *
 * @throws {TidelogError} `invalid-argument`; `wasm-failed`; `storage-unavailable` (only if `storage` is `indexeddb`);
 * `storage-blocked` (see `onBlocked`); `newer-format`; `storage-failed`; `quota-exceeded`; `implausible-clock`.
 */
export async function open(options: OpenOptions): Promise<Tidelog> {
  checkOptions(options)
  const { name, actor, aggregates = [], projections = [], upcasters = [], processes = [], knownEvents, sync, storage = 'auto', durability = 'relaxed', middleware = [] } = options
  const environment = surroundings(options.environment)
  const purity = new Purity()
  const onError = options.onError ?? ((error: TidelogError) => console.error(error))
  const upcasting = JSON.stringify([upcasters, options.unknownEvents, knownEvents], (_, value: unknown) => (typeof value === 'function' ? String(value) : value))
  // Whoever speaks before all parts are there is not heard: what is loaded later is loaded anew.
  let failOpening!: (error: TidelogError) => void
  const crashedOpening = new Promise<never>((_, reject) => (failOpening = reject))
  const alarms = new Alarms(environment)
  const listening: Listening = { crashed: (message) => failOpening(coreCrashed(message)) }
  const settings: CoreSettings = {
    name,
    storage,
    durability,
    sync: sync !== undefined,
    pollInterval: sync?.pollInterval ?? defaultPollInterval,
    ...(actor === undefined ? {} : { actor }),
    ...(sync?.pushAs && { pushAs: versions(sync.pushAs, 'sync.pushAs') }),
    ...(sync?.follow && { follow: following(sync.follow, 'sync.follow') }),
    unknownEvents: options.unknownEvents ?? 'keep',
    ...(knownEvents && { knownEvents: Array.isArray(knownEvents) ? knownEvents.map((type: string) => [type, null]) : versions(knownEvents as Record<string, number>, 'knownEvents') }),
    rustAggregates: aggregates.filter(isRust).map(nameOf),
    rustProjections: projections.filter(isRust).map(nameOf),
    rustProcesses: processes.filter(isRust).map(nameOf),
    ...(options.snapshots === undefined ? {} : { snapshots: corePolicy(options.snapshots, 'snapshots') }),
  } as CoreSettings
  let core: Core
  let transport: Transport | undefined
  let processing: typeof import('./processes.js') | undefined
  let validation: typeof import('./validation.js') | undefined
  let background: typeof import('./background-sync.js') | undefined
  let adapted: Map<AnyAggregate, AdaptedAggregate>
  let around: Around | undefined
  let wrote = (): void => {}
  const recovered = storage !== 'memory' && inChromium() ? recoverFromCrash(environment) : undefined
  try {
    const { hooks, marks, backgroundSync } = options
    const [openCore, transporting, processingPart, tracing, layering, upcasts, validating, asking] = await Promise.all([
      wasmCore(options.wasm),
      sync && transportPart(),
      processes.length > 0 ? processesPart() : undefined,
      hooks || marks ? tracePart() : undefined,
      hooks || middleware.length > 0 ? layersPart() : undefined,
      upcasters.length > 0 ? upcastingPart() : undefined,
      aggregates.some(({ schemas }) => schemas.commands ?? schemas.events) ? validationPart() : undefined,
      backgroundSync && sync ? backgroundSyncPart() : undefined,
    ])
    if (recovered) wrote = await recovered
    processing = processingPart
    validation = validating
    background = asking
    adapted = new Map(aggregates.map((one) => [one, adaptAggregate(one, purity, upcasting, onError, validation?.checkEvents)]))
    let layers = middleware
    transport = sync && transporting?.httpTransport(sync, environment)
    if (tracing && hooks) {
      const trace = tracing.tracing(name, hooks, (thrown) => onError(hookFailed(thrown)))
      layers = [tracing.tracingMiddleware(trace), ...middleware]
      transport &&= tracing.tracingTransport(trace, transport)
    }
    around = layering && new layering.Layers(layers)
    const measured = marks ? tracing?.markTimings(environment) : undefined
    const opening = openCore(
      settings,
      [...adapted].filter(([one]) => !isRust(one)).map(([, one]) => one.core),
      projections.filter((one) => !isRust(one)).map((one) => adaptProjection(one, purity)),
      upcasters.map((one) => upcasts!.adaptUpcaster(one, purity)),
      processes.filter((one) => !isRust(one)).map((one) => processingPart!.adaptProcess(one, purity)),
      coreHooks(environment, alarms, transport, listening, measured, options.onBlocked),
    )
    core = await Promise.race([opening, crashedOpening])
  } catch (thrown) {
    throw asTidelogError(thrown)
  }

  const session = new Session(name, core, environment, sync !== undefined, purity, onError, around)
  listening.crashed = (message) => session.crashed(coreCrashed(message))
  // Not within the core's own call: whoever listens may call into it.
  const met = (conflicts: readonly Met[]): void => {
    queueMicrotask(() => {
      try {
        session.watchers.met(conflicts)
      } catch (thrown) {
        session.failed(thrown)
      }
    })
  }
  // What is in memory is this tab's alone, and so is its sync.
  const shared = session.status().storage === 'indexeddb'
  const tabs = new Tabs(name, shared ? environment : { ...environment, channel: undefined, locks: undefined }, {
    core: (text) => void session.call(() => core.heard(text)).catch(session.failed),
    status: (status) => syncControl.heard(status),
    met,
    asked: () => syncControl.announce(),
  })
  session.whenEnded(() => {
    alarms.close()
    tabs.close()
    transport?.close()
  })
  const syncControl = new SyncControl(session, tabs)
  const storageControl = new StorageControl(session, durability)
  if (options.warnBeforeClose) warnBeforeClose(session, storageControl)
  const maintenance = new Maintenance(session)
  listening.posted = (text) => tabs.post(text)
  listening.met = (text) => {
    const conflicts = JSON.parse(text) as Met[]
    tabs.met(conflicts)
    met(conflicts)
  }
  // Not within the core's own call: the app may call into it.
  listening.failed = (failure) => queueMicrotask(() => session.failed(failure))
  listening.due = () => maintenance.schedule()
  listening.changed = (change) => {
    wrote()
    // Not within the core's own call: what follows calls into it.
    queueMicrotask(() => {
      if (!session.usable) return
      try {
        syncControl.refresh()
        storageControl.changed()
        session.watchers.changed(change)
        maintenance.schedule()
      } catch (thrown) {
        session.failed(thrown)
      }
    })
  }
  background?.askForBackgroundSync(session, syncControl)
  syncControl.start()
  maintenance.schedule()
  void storageControl.refresh()
  session.whenEnded(loadAhead(environment))
  return new Tidelog({ session, processes: processing?.makeProcesses(session, tabs, processes) ?? noProcesses(session), sync: syncControl, storage: storageControl, adapted, projections, validation })
}

const hookFailed = (cause: unknown): TidelogError => new TidelogError('middleware-failed', `hooks failed: ${messageOf(cause)}`, { middleware: 'hooks' }, { cause })
const nameOf = ({ name }: { readonly name: string }): string => name

/** Whether the browser is one of those that may leave half a record when they are killed. */
const inChromium = (): boolean => typeof indexedDB !== 'undefined' && /Chrom(e|ium)\//.test(navigator.userAgent)

/** Never fails: without the part things are as they were. */
const recoverFromCrash = async (environment: Environment): Promise<() => void> => (await crashRecoveryPart().catch(() => undefined))?.recoverFromCrash(environment) ?? (() => {})

/** The processes of a log that was given none. */
function noProcesses(session: Session): Processes {
  const none = (process: AnyProcess): Promise<never> => session.call(() => Promise.reject(unknownProcess(process)))
  const advance: Processes['advance'] = () => session.call(() => Promise.resolve({ changed: false }))
  const observe = <State>(process: ProcessManager<State>): Live<readonly ProcessInstance<State>[]> =>
    new LiveValue({ load: () => none(process), watch: () => () => {}, failed: session.failed })
  return { list: none, get: none, status: none, retry: none, waitFor: none, observe, advance }
}

/** Milliseconds that `open()` waits for a tab that holds an older version of the database. */
const patience = 3_000

/** Who takes what the core says. */
interface Listening {
  changed?: (change: Change) => void
  posted?: (text: string) => void
  met?: (text: string) => void
  failed?: (failure: unknown) => void
  due?: () => void
  crashed: (message: string) => void
}

/** What the core takes from outside. */
function coreHooks(environment: Environment, alarms: Alarms, transport: Transport | undefined, listening: Listening, measured: CoreHooks['measured'] | undefined, onBlocked: (() => void) | undefined): CoreHooks {
  return {
    now: () => environment.now(),
    elapsed: () => environment.elapsed(),
    measuring: measured !== undefined,
    measured: measured ?? (() => {}),
    // The core hands over a view of its memory; a browser's generator fills only memory that is not shared, so does this.
    random: (into) => environment.random(into as Uint8Array<ArrayBuffer>),
    send: (method, path, body) => (transport ? transport.send(method, path, body) : Promise.reject(new Error('there is no sync'))),
    listen: (way, after, follow) => transport?.listen(way, after, follow) ?? new Promise(() => {}),
    hangUp: () => transport?.hangUp(),
    renewToken: () => transport?.renewToken() ?? Promise.resolve(false),
    sleep: (milliseconds) => new Promise((resolve) => alarms.after(milliseconds, resolve)),
    changed: (streams, sync) => listening.changed?.({ streams, sync }),
    pack,
    post: (text) => listening.posted?.(text),
    met: (conflicts) => listening.met?.(conflicts),
    failed: (failure) => listening.failed?.(failure),
    later: (milliseconds) => alarms.after(milliseconds, () => listening.due?.()),
    blocked: () => new Promise((giveUp) => void (onBlocked ? onBlocked() : environment.after(patience, giveUp))),
    crashed: (message) => listening.crashed(message),
  }
}

function checkOptions(options: OpenOptions): void {
  if (typeof options !== 'object' || options === null) throw invalidArgument('options', 'open() takes an object with at least a name')
  const { name, aggregates = [], projections = [], processes = [], sync } = options
  if (typeof name !== 'string' || name === '' || name.length > 128) throw invalidArgument('name', 'the name of a log is 1 to 128 characters')
  choice(options.storage, ['auto', 'indexeddb', 'memory'], 'storage')
  choice(options.durability, ['relaxed', 'strict'], 'durability')
  choice(options.unknownEvents, ['keep', 'skip', 'error'], 'unknownEvents')
  if (sync !== undefined) checkSync(sync)
  for (const layer of options.middleware ?? []) {
    if (![layer?.command, layer?.append, layer?.query].some((run) => typeof run === 'function')) throw invalidArgument('middleware', 'a middleware has a function `command`, `append` or `query`')
  }
  for (const [kind, given] of Object.entries({ aggregates, projections, processes })) {
    const names = new Set<string>()
    for (const one of given) {
      if (typeof one?.name !== 'string') throw invalidArgument(kind, `${kind} takes what ${kind === 'processes' ? 'processManager' : kind.slice(0, -1)}() returns`)
      if (names.has(one.name)) throw invalidArgument(kind, `two of the ${kind} are named ${one.name}`)
      names.add(one.name)
    }
  }
}

function choice(value: unknown, choices: readonly string[], argument: string): void {
  if (value !== undefined && !choices.includes(value as string)) throw invalidArgument(argument, `${argument} is one of ${choices.join(', ')}`)
}
