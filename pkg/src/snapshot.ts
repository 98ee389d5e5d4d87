/** Snapshots: states kept at a version, so that loading need not begin at the first event. */
import type { AnyAggregate } from './aggregate.js'
import { integer, text } from './encode.js'
import { invalidArgument } from './errors.js'
import type { Session } from './session.js'

/** When snapshots are taken in the background: as soon as one of `every`, `floor` and `slowerThan` holds. */
export interface SnapshotConditions {
  /** As soon as there are so many confirmed events since the last one. */
  readonly every?: number
  /**
   * As soon as the events since the last one are larger than its state, and larger than so many bytes of JSON. This is the default,
   * with 32,768; it is off where another condition is given and this is not.
   */
  readonly floor?: number
  /** After a load that took so many milliseconds or more. */
  readonly slowerThan?: number
  /** Never sooner than so many milliseconds after the last one, whatever else holds. Default: no such bound. */
  readonly atMostEvery?: number
  /** How many of a stream are kept, the latest ones. At least 1, default 2: older ones serve the past, and stand in for a damaged one. */
  readonly keep?: number
  /** Whether they are compressed, where the browser has `CompressionStream`. Default false. */
  readonly compress?: boolean
}

/** When snapshots are taken. `never`: neither taken nor read. `by-hand`: by `tidelog.snapshots.take()` only. */
export type SnapshotPolicy = 'never' | 'by-hand' | SnapshotConditions

/** How an aggregate keeps its states. All of it is optional. */
export interface SnapshotDefinition<State> {
  /** When, if not as `open({ snapshots })` says. */
  readonly policy?: SnapshotPolicy
  /**
   * What stands for the code that makes the states: change it whenever `evolve`, the initial state, `write`, `read` or an upcaster
   * changes, and snapshots of the old code are no longer used. Default: derived from `schemaVersion` and the text of these
   * functions. The text doesn't show what they call: if that changes, raise `schemaVersion`, or give a fingerprint.
   */
  readonly fingerprint?: string
  /**
   * A state as something that JSON can hold, for states that it can't hold: with a Map, a Set, a Date, an instance of a class, or a
   * property that is undefined. Without it such a state is not kept.
   */
  readonly write?: (state: State) => unknown
  /** The state again, of what `write` made of it. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what was read from JSON; annotate it as you like
  readonly read?: (stored: any) => State
}

/** A snapshot of an aggregate's instance. */
export interface Snapshot {
  /** The stream it is of. */
  readonly stream: string
  /** The version of its state: the number of confirmed events that made it. */
  readonly version: number
  /** When it was taken by this device's clock, in milliseconds since 1970. */
  readonly takenAt: number
  /** The size of its state in bytes of JSON. */
  readonly size: number
  /** The bytes it takes in storage. */
  readonly stored: number
  /** Whether today's code made it. If not, it is not used. */
  readonly current: boolean
}

/** The snapshots of an open log. They are made of confirmed events alone, and can be thrown away at any time. */
export interface Snapshots {
  /**
   * Takes one of an aggregate's instance now, whatever the policy (unless it is `never`). Resolves to undefined if the instance has no
   * confirmed event.
   *
   * @throws {TidelogError} `unkeepable-state` if JSON can't hold its state; failures of storage.
   */
  take(aggregate: AnyAggregate, id: string): Promise<Snapshot | undefined>
  /** Those of an aggregate's instance, the oldest first. */
  list(aggregate: AnyAggregate, id: string): Promise<readonly Snapshot[]>
  /**
   * Removes those of an aggregate's instance, or without an id of all its instances. The aggregate may also be one that is no more, by
   * its name. Resolves to how many there were.
   */
  discard(aggregate: AnyAggregate | string, id?: string): Promise<number>
}

/** The snapshots of a session. `known` refuses an aggregate that was not given to `open()`. */
export function makeSnapshots(session: Session, known: (aggregate: AnyAggregate) => void): Snapshots {
  return {
    async take(aggregate, id) {
      known(aggregate)
      const taken = await session.call(() => session.core.takeSnapshot(aggregate.name, text(id, 'id')))
      return taken === undefined ? undefined : (JSON.parse(taken) as Snapshot)
    },
    async list(aggregate, id) {
      known(aggregate)
      return JSON.parse(await session.call(() => session.core.snapshots(aggregate.name, text(id, 'id')))) as Snapshot[]
    },
    async discard(aggregate, id) {
      const name = text(typeof aggregate === 'string' ? aggregate : aggregate.name, 'aggregate')
      return session.call(() => session.core.discardSnapshots(name, id === undefined ? undefined : text(id, 'id')))
    },
  }
}

/** Checks how an aggregate keeps its states. */
export function checkSnapshot(snapshot: { readonly [Part in keyof SnapshotDefinition<unknown>]?: unknown }): void {
  const { policy, fingerprint, write, read } = snapshot
  if (policy !== undefined) corePolicy(policy as SnapshotPolicy, 'snapshot.policy')
  if (fingerprint !== undefined) text(fingerprint, 'snapshot.fingerprint')
  if ((write === undefined) !== (read === undefined)) throw invalidArgument('snapshot', 'write and read go together: what one writes the other reads')
  for (const [part, value] of Object.entries({ write, read })) {
    if (value !== undefined && typeof value !== 'function') throw invalidArgument(`snapshot.${part}`, `snapshot.${part} is a function`)
  }
}

/** The least that each condition may be. */
const least: Readonly<Record<string, number>> = { every: 1, floor: 1, slowerThan: 0, atMostEvery: 0, keep: 1 }

/** Checks a policy and puts it into the core's terms, as JSON. */
export function corePolicy(policy: SnapshotPolicy, argument: string): Record<string, unknown> {
  if (policy === 'never' || policy === 'by-hand') return { mode: policy }
  if (typeof policy !== 'object' || policy === null) throw invalidArgument(argument, `${argument} is 'never', 'by-hand' or an object of conditions`)
  const core: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(policy)) {
    const path = `${argument}.${key}`
    if (value === undefined) continue
    if (key in least) core[key] = integer(value, least[key]!, key === 'keep' ? 1_000 : Number.MAX_SAFE_INTEGER, path)
    else if (key === 'compress' && typeof value === 'boolean') core[key] = value
    else throw invalidArgument(path, `${path} is no condition, or not of its type: every, floor, slowerThan, atMostEvery, keep (numbers) and compress (a boolean)`)
  }
  if (core['every'] !== undefined || core['slowerThan'] !== undefined) core['floor'] ??= null
  return core
}
