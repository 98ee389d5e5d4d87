/** The verbs of the scenarios over the npm package. Each names the arguments that it knows; others are failures. */
import type { AppendOptions, BulkCommit, ExecuteOptions, Moment, NewEvent, ProcessManager, ProcessState, RecordedEvent, Tidelog } from '../../src/index.js'
import { aggregates, processes, projections } from './domain.js'
import type { World } from './world.js'

type Arguments = Readonly<Record<string, unknown>>

interface Verb {
  readonly takes: readonly string[]
  run(device: Tidelog, given: Arguments, world: World): unknown
}

/** A part of the domain by its name. */
function named<Part>(parts: Readonly<Record<string, Part>>, name: unknown): Part {
  const found = parts[String(name)]
  if (found === undefined) throw new Error(`the domain has no ${String(name)}`)
  return found
}

/** A process manager by its name, be it one that no tidelog was given. */
const processNamed = (name: unknown): ProcessManager<unknown> => processes[String(name)] ?? ({ name } as ProcessManager<unknown>)

/** A moment: `{ version }`, `{ position }`, `{ time }`, `{ known }` or nothing. */
function momentOf(at: unknown): { at?: Date | number; knownAt?: Date } {
  const { version, position, time, known } = (at ?? {}) as { version?: number; position?: number; time?: number; known?: number }
  if (version !== undefined || position !== undefined) return { at: version ?? position! }
  if (time !== undefined) return { at: new Date(time) }
  return known === undefined ? {} : { knownAt: new Date(known) }
}

const reading = ['stream', 'aggregate', 'types', 'correlationId', 'first', 'last', 'after', 'from', 'to', 'limit', 'backwards']

export const verbs: Readonly<Record<string, Verb>> = {
  clock: { takes: ['advance'], run: (_, { advance }, world) => world.advance(advance as number) },
  execute: {
    takes: ['aggregate', 'id', 'command', 'options'],
    run: (device, { aggregate, id, command, options }) =>
      device.execute(named(aggregates, aggregate), id as string, command, options as ExecuteOptions | undefined),
  },
  append: {
    takes: ['stream', 'events', 'options'],
    run: (device, { stream, events, options }) =>
      device.append(stream as string, events as NewEvent[], options as AppendOptions | undefined),
  },
  appendAll: { takes: ['commits'], run: (device, { commits }) => device.appendAll(commits as BulkCommit[]) },
  load: {
    takes: ['aggregate', 'id', 'at'],
    run: (device, { aggregate, id, at }) => device.load(named(aggregates, aggregate), id as string, momentOf(at)),
  },
  read: { takes: reading, run: (device, query) => device.read(query).toArray() },
  page: { takes: reading, run: (device, query) => device.page(query) },
  version: { takes: ['stream'], run: (device, { stream }) => device.version(stream as string) },
  exists: { takes: ['stream'], run: (device, { stream }) => device.exists(stream as string) },
  metrics: { takes: [], run: (device) => device.metrics.get() },
  health: { takes: [], run: (device) => device.health() },
  dump: { takes: [], run: (device) => device.dump() },
  snapshot: { takes: ['aggregate', 'id'], run: (device, { aggregate, id }) => device.snapshots.take(named(aggregates, aggregate), id as string) },
  snapshots: { takes: ['aggregate', 'id'], run: (device, { aggregate, id }) => device.snapshots.list(named(aggregates, aggregate), id as string) },
  discardSnapshots: { takes: ['aggregate', 'id'], run: (device, { aggregate, id }) => device.snapshots.discard(aggregate as string, id as string | undefined) },
  streams: { takes: ['aggregate'], run: (device, { aggregate }) => device.streams(aggregate as string | undefined) },
  row: {
    takes: ['projection', 'key', 'at'],
    run: (device, { projection, key, at }) => device.row(named(projections, projection), key as string, momentOf(at)),
  },
  rows: { takes: ['projection', 'at'], run: (device, { projection, at }) => device.rows(named(projections, projection), momentOf(at)) },
  difference: {
    takes: ['aggregate', 'id', 'projection', 'key', 'from', 'to'],
    run(device, { aggregate, id, projection, key, from, to }) {
      const when = (at: unknown): Moment | undefined => {
        const { at: moment, knownAt } = momentOf(at)
        return moment ?? (knownAt && { knownAt })
      }
      const between = { from: when(from)!, ...(to === undefined ? {} : { to: when(to)! }) }
      if (projection === undefined) return device.difference(named(aggregates, aggregate), id as string, between)
      const rows = named(projections, projection)
      return key === undefined ? device.difference(rows, between) : device.difference(rows, key as string, between)
    },
  },
  replay: {
    takes: ['types', 'aggregates', 'streams', 'from', 'to', 'after', 'until', 'refuses', 'collect'],
    async run(device, { refuses, collect, ...chosen }) {
      const handed: number[] = []
      const take = ([event]: readonly RecordedEvent[]): void => {
        if (event!.position === refuses) throw new Error('not this one')
        handed.push(event!.position!)
      }
      const report = await device.replay(take, { ...chosen, batchSize: 1, onError: collect ? 'collect' : 'stop' }).finished
      return { ...report, handed }
    },
  },
  sync: {
    takes: [],
    async run(device, _, world) {
      await world.sync(device)
      const { pending, rejected } = device.sync.status
      return { pending: pending.commits, rejected }
    },
  },
  act: {
    takes: [],
    async run({ processes }) {
      for (let round = 0; round < 100; round++) if (!(await processes.advance()).changed) return
      throw new Error('the processes do not come to rest')
    },
  },
  processes: { takes: ['process', 'status'], run: (device, { process, status }) => device.processes.list(processNamed(process), status === undefined ? {} : { status: status as ProcessState }) },
  process: { takes: ['process', 'id'], run: (device, { process, id }) => device.processes.get(processNamed(process), id as string) },
  processStatus: { takes: ['process'], run: (device, { process }) => device.processes.status(processNamed(process)) },
  retryProcess: { takes: ['process', 'id'], run: (device, { process, id }) => device.processes.retry(processNamed(process), id as string) },
  queue: { takes: [], run: (device) => device.queue.list() },
  rejected: { takes: [], run: (device) => device.rejected.list() },
  retry: { takes: ['commit'], run: (device, { commit }) => device.rejected.retry(commit as string) },
  discard: { takes: ['commit'], run: (device, { commit }) => device.rejected.discard(commit as string) },
  outcome: { takes: ['stream', 'commit'], run: (device, { stream, commit }) => device.outcome(stream as string, commit as string) },
}
