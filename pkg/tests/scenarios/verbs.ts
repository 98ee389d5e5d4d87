/** The verbs of the scenarios over the npm package. Each names the arguments that it knows; others are failures. */
import type { AppendOptions, BulkCommit, ExecuteOptions, NewEvent, Tidelog } from '../../src/index.js'
import { aggregates, projections } from './domain.js'
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

/** A moment of `load`: `{ version }`, `{ time }`, `{ known }` or nothing. */
function moment(at: unknown): { at?: Date | number; knownAt?: Date } {
  const { version, time, known } = (at ?? {}) as { version?: number; time?: number; known?: number }
  if (version !== undefined) return { at: version }
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
    run: (device, { aggregate, id, at }) => device.load(named(aggregates, aggregate), id as string, moment(at)),
  },
  read: { takes: reading, run: (device, query) => device.read(query).toArray() },
  page: { takes: reading, run: (device, query) => device.page(query) },
  version: { takes: ['stream'], run: (device, { stream }) => device.version(stream as string) },
  exists: { takes: ['stream'], run: (device, { stream }) => device.exists(stream as string) },
  snapshot: { takes: ['aggregate', 'id'], run: (device, { aggregate, id }) => device.snapshots.take(named(aggregates, aggregate), id as string) },
  snapshots: { takes: ['aggregate', 'id'], run: (device, { aggregate, id }) => device.snapshots.list(named(aggregates, aggregate), id as string) },
  discardSnapshots: { takes: ['aggregate', 'id'], run: (device, { aggregate, id }) => device.snapshots.discard(aggregate as string, id as string | undefined) },
  streams: { takes: ['aggregate'], run: (device, { aggregate }) => device.streams(aggregate as string | undefined) },
  row: { takes: ['projection', 'key'], run: (device, { projection, key }) => device.row(named(projections, projection), key as string) },
  rows: { takes: ['projection'], run: (device, { projection }) => device.rows(named(projections, projection)) },
  sync: {
    takes: [],
    async run(device, _, world) {
      await world.sync(device)
      const { pending, rejected } = device.sync.status
      return { pending: pending.commits, rejected }
    },
  },
  queue: { takes: [], run: (device) => device.queue.list() },
  rejected: { takes: [], run: (device) => device.rejected.list() },
  retry: { takes: ['commit'], run: (device, { commit }) => device.rejected.retry(commit as string) },
  discard: { takes: ['commit'], run: (device, { commit }) => device.rejected.discard(commit as string) },
  outcome: { takes: ['stream', 'commit'], run: (device, { stream, commit }) => device.outcome(stream as string, commit as string) },
}
