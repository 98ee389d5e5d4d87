/** Whether a log needs attention, and a dump of how it stands. */
import type { CoreStatus, CoreTold } from './core.js'
import type { Metrics } from './metrics.js'
import type { Session } from './session.js'
import type { Storage, StorageReport } from './storage.js'
import type { Sync } from './sync.js'

/** How well something is: all right, working but to be seen to, not working. */
export type HealthState = 'ok' | 'degraded' | 'failing'

/** How a log is, and why. */
export interface Health {
  /** The worst of the reasons; `ok` without any. */
  readonly state: HealthState
  /** What needs attention. */
  readonly reasons: readonly HealthReason[]
}

/** One thing that needs attention. */
export interface HealthReason {
  /**
   * - `storage-memory`: IndexedDB was wanted, and nothing outlives the page.
   * - `storage-low` from 90 % of the quota; `storage-full` (failing) from 99 %.
   * - `work-at-risk`: events are on this device only, which may clear its storage.
   * - `queue-old`: the first commit has waited for the server for more than a day.
   * - `sync-failing`: the last exchange failed; failing once that has lasted an hour.
   * - `unauthorized` (failing): the server does not take the token.
   * - `rejected`: rejected commits wait for the app.
   * - `corrupt` (failing): rows can't be read.
   * - `projection-stopped` (failing), `dead-letters`: a projection stopped, or parked streams.
   * - `process-stopped` (failing), `process-stuck`: a process manager does not go on, or some of its instances wait for a person; known in
   *   the tab that lets them act.
   */
  readonly code: string
  /** How bad it is. */
  readonly state: HealthState
  /** What it is, for a person. */
  readonly message: string
}

/** A commit in a dump, without its data. */
export interface DumpedCommit {
  readonly commitId: string
  /** The aggregate and a number, or the stream's name if names were asked for. */
  readonly stream: string
  readonly expectedVersion: number | 'any' | 'exists' | 'none'
  readonly generation: number
  /** In milliseconds since 1970. */
  readonly decidedAt: number
  /** If names were asked for. */
  readonly actor?: string
  /** The type, and the bytes of the data. */
  readonly command?: readonly [type: string, bytes: number]
  /** The types, schema versions and bytes of the data. */
  readonly events: readonly (readonly [type: string, schemaVersion: number, bytes: number])[]
  readonly policy?: string
  /** The code of the reason why it was rejected. */
  readonly reason?: string
  /** Its message, if names were asked for. */
  readonly message?: string
}

/** How a log stands, for a bug report: plain data without what was recorded. */
export interface Dump {
  /** The version of the library. */
  readonly library: string
  /** In milliseconds since 1970. */
  readonly takenAt: number
  /** Whether names were asked for. */
  readonly names: boolean
  /** Where the core stands. */
  readonly status: Omit<CoreStatus, 'storage' | 'storageReason'>
  /** The names of what is registered. */
  readonly aggregates: readonly string[]
  readonly projections: readonly string[]
  /** How many streams there are, by aggregate. */
  readonly streams: Readonly<Record<string, number>>
  /** The first 100 commits that wait for the server. */
  readonly queue: readonly DumpedCommit[]
  /** The first 100 rejected commits. */
  readonly rejected: readonly DumpedCommit[]
  readonly metrics: Metrics
  /** The states and codes of what needs attention. */
  readonly health: readonly (readonly [HealthState, string])[]
  /** Where the log is kept. */
  readonly storage: Omit<StorageReport, 'corrupt'>
}

/** What the core can't know by itself. */
function told(storage: Storage, sync: Sync): CoreTold {
  const { standing, reason, quota, usage } = storage.get()
  const { state, error, lastSyncedAt } = sync.get()
  const failure: CoreTold['failure'] = error && [error.code, error.message]
  return { standing, reason, quota, usage, unauthorized: state === 'unauthorized', failure, lastSyncedAt }
}

/** Whether something needs attention, and what. */
export function healthOf(session: Session, storage: Storage, sync: Sync): Health {
  return session.now(() => session.core.health(told(storage, sync)))
}

/** How the log stands. */
export async function dumpOf(session: Session, storage: Storage, sync: Sync, names: boolean): Promise<Dump> {
  const { corrupt: _, ...kept } = storage.get()
  return { ...(await session.call(() => session.core.dump(told(storage, sync), names))), storage: kept }
}
