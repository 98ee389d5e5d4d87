/** What this opening of a log has counted and measured about itself. */
import { Cell, type Readable } from './live.js'
import type { Session } from './session.js'

/** What is counted. More may come. */
export type Counter =
  /** Commits and events appended by this opening; commands that led to no events. */
  | 'commits' | 'events' | 'silent'
  /** Commands and queries refused by a rule or a middleware, or failed otherwise; version conflicts that the caller was told of. */
  | 'refused' | 'failed' | 'conflicts'
  /** Decisions taken again because another tab was faster. */
  | 'redecided'
  /** Events folded into states; events of other devices that came in. */
  | 'replayed' | 'received'
  /** What became of own commits. */
  | 'confirmed' | 'rebased' | 'absorbed' | 'rejected'
  /** Exchanges with the server that failed. */
  | 'syncFailures'
  /** States loaded from a snapshot and the events after it; states for which none fitted; snapshots taken. */
  | 'snapshotHits' | 'snapshotMisses' | 'snapshotsTaken'
  /** Snapshots passed over: made by other code, unreadable, ahead of the log; states that JSON can't hold; failures of storage. */
  | 'snapshotsOutdated' | 'snapshotsUnreadable' | 'snapshotsAhead' | 'snapshotsUnkeepable' | 'snapshotsFailed' // prettier-ignore

/** What is timed. More may come. */
export type Timing =
  /** A command from its turn to its events being durable; in it, `decide` and the write. */
  | 'execute' | 'decide' | 'append'
  /** A state, a page of events, rows that the app asked for; folding events into a state. */
  | 'load' | 'read' | 'query' | 'replay'
  /** An exchange with the server and what it did to the log. */
  | 'pull' | 'push'
  /** From the decision of an own commit to its confirmation, time without a network included. */
  | 'confirm' // prettier-ignore

/** How long something takes, in milliseconds. The percentiles are bounds: never below the true value, at most an eighth above. */
export interface Latency {
  /** How many were measured. */
  readonly count: number
  readonly mean: number
  /** Half of them took this long or less. */
  readonly p50: number
  readonly p95: number
  readonly p99: number
  /** The longest, exactly. */
  readonly max: number
}

/** What an opening has counted and measured. Every tab measures its own work. */
export interface Metrics {
  /** Since when, in milliseconds since 1970: the opening, or the last `reset()`. */
  readonly since: number
  readonly counters: Readonly<Record<Counter, number>>
  readonly latencies: Readonly<Record<Timing, Latency>>
  /** The commits that wait for the server; `oldest`: when the first was decided, in milliseconds since 1970. */
  readonly queue: { readonly commits: number; readonly events: number; readonly oldest?: number }
  /** How many positions the projections that have been looked at are behind, and how many streams they have parked. */
  readonly projections: readonly { readonly name: string; readonly lag: number; readonly parked: number }[]
  /** When a round of the sync by this tab last reached the end of the server's log, in milliseconds since 1970. */
  readonly lastSyncedAt?: number
  /** The latest failures, at most 20, the oldest first; refusals and conflicts are none. */
  readonly failures: readonly { readonly at: number; readonly doing: string; readonly code: string }[]
}

/** The metrics of a tidelog: `get()` them now, or `subscribe` and hear of them once a second where they changed. */
export interface LiveMetrics extends Readable<Metrics> {
  /** Counts and measures anew from now on. */
  reset(): void
}

/** Milliseconds between two looks while somebody is subscribed. */
const interval = 1_000

/** The metrics over the core. */
export function makeMetrics(session: Session): LiveMetrics {
  const { core, environment } = session
  const read = (): Metrics => session.now(() => core.metrics())
  const cell = new Cell(read())
  let cancel: (() => void) | undefined
  const look = (): void => {
    if (session.usable) cell.set(read())
    cancel = cell.watched && session.usable ? environment.after(interval, look) : undefined
  }
  session.whenEnded(() => cancel?.())
  return {
    get() {
      // Who is subscribed is told of every change, and must not find another one in between.
      if (!cell.watched && session.usable) cell.set(read())
      return cell.get()
    },
    subscribe(run) {
      if (!cell.watched && session.usable) cell.set(read())
      const stop = cell.subscribe(run)
      if (session.usable) cancel ??= environment.after(interval, look)
      return () => {
        stop()
        if (cell.watched) return
        cancel?.()
        cancel = undefined
      }
    },
    reset() {
      session.now(() => core.resetMetrics())
      cell.set(read())
    },
  }
}
