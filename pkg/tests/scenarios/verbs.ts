/** The verbs of the scenarios over the npm package. Each names the arguments that it knows; others are failures. */
import type { AppendOptions, BulkCommit, ExecuteOptions, NewEvent } from '../../src/index.js'
import { conflictVerbs } from './verbs/conflicts.js'
import { momentOf, pastVerbs } from './verbs/past.js'
import { processVerbs } from './verbs/processes.js'
import { rowVerbs } from './verbs/rows.js'
import { transferVerbs } from './verbs/transfer.js'
import type { Verbs } from './verbs/verb.js'
import type { World } from './world.js'

const reading = ['stream', 'aggregate', 'types', 'correlationId', 'first', 'last', 'after', 'from', 'to', 'limit', 'backwards', 'shapes']

/** What a reader asks for, in the package's words. */
const asked = ({ shapes, ...query }: Readonly<Record<string, unknown>>): object => ({ ...query, ...(shapes !== undefined && { as: shapes }) })

/** What is done around the devices. */
export const worldVerbs: Readonly<Record<string, { readonly takes: readonly string[]; run(world: World, on: string, given: Readonly<Record<string, unknown>>): unknown }>> = {
  clock: { takes: ['advance'], run: (world, _, { advance }) => world.advance(advance as number) },
  open: {
    takes: ['upcasters', 'unknownEvents', 'knownEvents', 'snapshots', 'edition', 'middleware'],
    run: async (world, on, rules) => void (await world.open(on, rules)),
  },
}

/** What is done on a device. */
export const verbs: Verbs = {
  ...conflictVerbs,
  ...pastVerbs,
  ...processVerbs,
  ...rowVerbs,
  ...transferVerbs,
  execute: {
    takes: ['aggregate', 'id', 'command', 'options'],
    run: (device, { aggregate, id, command, options }, stage) =>
      device.execute(stage.aggregate(aggregate), id as string, command, options as ExecuteOptions | undefined),
  },
  append: {
    takes: ['stream', 'events', 'options'],
    run: (device, { stream, events, options }) =>
      device.append(stream as string, events as NewEvent[], options as AppendOptions | undefined),
  },
  appendAll: { takes: ['commits'], run: (device, { commits }) => device.appendAll(commits as BulkCommit[]) },
  load: {
    takes: ['aggregate', 'id', 'at'],
    run: (device, { aggregate, id, at }, stage) => device.load(stage.aggregate(aggregate), id as string, momentOf(at)),
  },
  read: { takes: reading, run: (device, query) => device.read(asked(query)).toArray() },
  page: { takes: reading, run: (device, query) => device.page(asked(query)) },
  version: { takes: ['stream'], run: (device, { stream }) => device.version(stream as string) },
  exists: { takes: ['stream'], run: (device, { stream }) => device.exists(stream as string) },
  metrics: { takes: [], run: (device) => device.metrics.get() },
  health: { takes: [], run: (device) => device.health() },
  dump: { takes: [], run: (device) => device.dump() },
  snapshot: { takes: ['aggregate', 'id'], run: (device, { aggregate, id }, stage) => device.snapshots.take(stage.aggregate(aggregate), id as string) },
  snapshots: { takes: ['aggregate', 'id'], run: (device, { aggregate, id }, stage) => device.snapshots.list(stage.aggregate(aggregate), id as string) },
  discardSnapshots: { takes: ['aggregate', 'id'], run: (device, { aggregate, id }) => device.snapshots.discard(aggregate as string, id as string | undefined) },
  streams: { takes: ['aggregate'], run: (device, { aggregate }) => device.streams(aggregate as string | undefined) },
  sync: {
    takes: [],
    async run(device, _, { world }) {
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
