/** Projections as the app sees them: where they stand, made anew, and what they could not take in. */
import type { Core, CoreProjectionStatus, CoreRebuildProgress } from './core.js'
import { integer, text } from './encode.js'
import { TidelogError } from './errors.js'
import { LiveValue, type Live } from './live.js'
import { pastPart } from './parts.js'
import type { AnyProjection } from './projection.js'
import type { Session } from './session.js'

/** Where a projection stands. */
export type ProjectionStatus = Readonly<CoreProjectionStatus>

/** How far a rebuild is. */
export type RebuildProgress = Readonly<CoreRebuildProgress>

/** The options of `rebuild`. */
export interface RebuildOptions {
  /** Called after about every thousand events. */
  readonly onProgress?: (progress: RebuildProgress) => void
  /** Gives the rebuild up for now: the promise rejects with the signal's reason, what was made stays, and the next call or the next opening goes on with it. */
  readonly signal?: AbortSignal
}

/** A stream that waits because a projection could not take in one of its events. */
export interface DeadLetter {
  readonly stream: string
  /** The version of the event that failed: the first that waits. */
  readonly version: number
  readonly position: number
  readonly type: string
  /** Why it failed. */
  readonly message: string
  /** When it failed last, in milliseconds since 1970. */
  readonly at: number
  /** How many events of the stream wait, this one included. */
  readonly waiting: number
}

/** What projections could not take in. */
export interface DeadLetters {
  /** The parked streams of a projection, by name. */
  list(projection: AnyProjection): Promise<readonly DeadLetter[]>
  /**
   * Takes in the events of one parked stream after all, or of all, each stream's in their order. A stream of which an event fails again
   * stays parked from that event on. Resolves to how many streams are no longer parked, and how many still are.
   */
  replay(projection: AnyProjection, stream?: string): Promise<{ readonly streams: number; readonly failed: number }>
}

/** The projections of a tidelog, live: where each of them stands. */
export interface Projections extends Live<readonly ProjectionStatus[]> {
  /** Where a projection stands now. */
  status(projection: AnyProjection): Promise<ProjectionStatus>
  /** Makes the rows anew beside the ones that are read, and swaps them at the end. Goes on with a rebuild that was begun and not ended. */
  rebuild(projection: AnyProjection, options?: RebuildOptions): Promise<RebuildProgress>
  /**
   * Waits until a projection has taken in the confirmed events up to a position (default: the end of the log now); it is waiting,
   * nothing else. A projection that follows in batches follows now. Resolves to the position reached.
   *
   * @throws {TidelogError} `timeout` after so many milliseconds, `projection-failed` if the projection has stopped.
   */
  waitFor(projection: AnyProjection, position?: number, options?: { readonly timeout?: number }): Promise<number>
  /** What they could not take in. */
  readonly deadLetters: DeadLetters
}

/** The projections over the core; `nameOf` checks that one is known. */
export function makeProjections(session: Session, nameOf: (projection: AnyProjection) => string): Projections {
  const { core, environment, watchers } = session
  const ask = async <Answer>(call: (core: Core) => Promise<string>): Promise<Answer> => JSON.parse(await session.call(() => call(core))) as Answer
  const live = new LiveValue<readonly ProjectionStatus[]>({
    load: () => ask((core) => core.projectionStatus(undefined)),
    watch(stale) {
      const stops = [watchers.log(stale), watchers.work(stale)]
      return () => stops.forEach((stop) => stop())
    },
    failed: session.failed,
  })
  return Object.assign(live, {
    status: async (projection: AnyProjection) => ask<ProjectionStatus>((core) => core.projectionStatus(nameOf(projection))),

    async rebuild(projection: AnyProjection, options: RebuildOptions = {}) {
      const name = nameOf(projection)
      return (await pastPart()).rebuild(session, name, options)
    },

    async waitFor(projection: AnyProjection, position?: number, { timeout }: { readonly timeout?: number } = {}) {
      const name = nameOf(projection)
      const wanted = position === undefined ? session.status().position : integer(position, 0, Number.MAX_SAFE_INTEGER, 'position')
      if (timeout !== undefined) integer(timeout, 0, 2 ** 31 - 1, 'timeout')
      let wake = (): void => {}
      let late = false
      const stop = watchers.log(() => wake())
      const cancel = timeout === undefined ? undefined : environment.after(timeout, () => ((late = true), wake()))
      session.whenEnded(() => wake())
      try {
        for (;;) {
          // before asking: what changes meanwhile must not be missed
          const changed = new Promise<void>((resolve) => (wake = resolve))
          const reached = await session.call(() => core.bringUp(name))
          if (reached >= wanted) return reached
          if (late) throw new TidelogError('timeout', `projection ${name} is at position ${reached} after ${timeout} ms, not at ${wanted}`, { milliseconds: timeout! })
          await changed
        }
      } finally {
        stop()
        cancel?.()
      }
    },

    deadLetters: {
      list: async (projection: AnyProjection) => ask<readonly DeadLetter[]>((core) => core.deadLetters(nameOf(projection))),
      replay: async (projection: AnyProjection, stream?: string) =>
        ask<{ streams: number; failed: number }>((core) => core.replayDeadLetters(nameOf(projection), stream === undefined ? stream : text(stream, 'stream'))),
    },
  })
}
