/** The queue of pending commits, the list of rejected ones, and the conflicts that a person is asked about. */
import type { AnyAggregate } from './aggregate.js'
import type { Choice, Conflict, Met } from './conflict.js'
import { integer, text } from './encode.js'
import { LiveValue, type Live } from './live.js'
import { conflictsPart } from './parts.js'
import { makeReceipt, type Orphan, type OutcomeOf, type QueuedCommit, type Receipt, type RejectedCommit } from './receipt.js'
import type { Session } from './session.js'

/** The first 1,000 commits that wait for the server, in the order they go; live. */
export interface Queue extends Live<readonly QueuedCommit[]> {
  /** The first commits of the queue now, at most `limit` (default 1,000). */
  list(options?: { readonly limit?: number }): Promise<readonly QueuedCommit[]>
}

/** The commits that can't be confirmed any more, latest last; live. */
export interface Rejected extends Live<readonly RejectedCommit[]> {
  /** The list now. */
  list(): Promise<readonly RejectedCommit[]>
  /**
   * Decides the command again on the state as it is now, or appends the events again where there was no command. If that succeeds,
   * the rejected commit is replaced by the new one; if it is refused, it stays.
   *
   * @throws {TidelogError} `domain` if it is refused again, `unknown-commit` if it is not in the list.
   */
  retry(commitId: string): Promise<Receipt>
  /** Removes it for good. Resolves to whether it was there. */
  discard(commitId: string): Promise<boolean>
}

/** The queue over the core. */
export function makeQueue(session: Session): Queue {
  const list: Queue['list'] = async ({ limit = 1_000 } = {}) => {
    integer(limit, 1, 1_000_000, 'limit')
    return JSON.parse(await session.call(() => session.core.queue(limit))) as QueuedCommit[]
  }
  return Object.assign(liveList(session, () => list()), { list })
}

function liveList<Item>(session: Session, load: () => Promise<readonly Item[]>): LiveValue<readonly Item[]> {
  return new LiveValue({ load, watch: (stale) => session.watchers.sync(stale), failed: session.failed })
}

/** The conflicts that a person is asked about, the oldest first; live. Iterated over, it tells what becomes of commits whose streams move. */
export interface Conflicts extends Live<readonly Conflict[]>, AsyncIterable<Met> {
  /** The list now. */
  list(): Promise<readonly Conflict[]>
  /** The conflict of a commit now; undefined if nobody is asked about it, or no longer. */
  find(commitId: string): Promise<Conflict | undefined>
  /**
   * Answers. When it resolves, the answer is durable; what waited for it is decided again and goes on its way.
   *
   * @throws {TidelogError} `refused` if the rules refuse what the answer asks for, `invalid-command`, `invalid-event`, `decide-failed`,
   * `invalid-argument`: the question stays. `unknown-commit` if nothing is asked, or no longer: another tab may have answered.
   */
  resolve(commitId: string, choice: Choice): Promise<void>
  /** Calls `listener` for every commit whose stream moved, in whatever tab that was found, until the returned function is called. */
  on(listener: (met: Met) => void): () => void
  /** As `on`, from the first `next()` until the tidelog is closed. Of what is not read, the latest 1,000 are kept. */
  [Symbol.asyncIterator](): AsyncIterator<Met, void>
}

/** The conflicts over the core. */
export function makeConflicts(session: Session, aggregates: () => Iterable<AnyAggregate>): Conflicts {
  const list = async (): Promise<readonly Conflict[]> => JSON.parse(await session.call(() => session.core.conflicts())) as Conflict[]
  const on = (listener: (met: Met) => void): (() => void) => session.watchers.conflicts(listener)
  return Object.assign(liveList(session, list), {
    list,
    on,
    find: async (commitId: string) => (await list()).find((one) => one.commitId === commitId),
    resolve: async (commitId: string, choice: Choice) => (await conflictsPart()).resolveConflict(session, aggregates(), commitId, choice),
    async *[Symbol.asyncIterator](): AsyncGenerator<Met, void> {
      const unread: Met[] = []
      const stop = on((met) => unread.push(met))
      const part = await conflictsPart().catch((thrown: unknown) => {
        stop()
        throw thrown
      })
      yield* part.follow(session, unread, stop)
    },
  })
}

/** The rejected list over the core. */
export function makeRejected(session: Session, outcome: OutcomeOf, aggregates: () => Iterable<AnyAggregate>): Rejected {
  const { core } = session
  const list = async (): Promise<readonly RejectedCommit[]> => JSON.parse(await session.call(() => core.rejected())) as RejectedCommit[]
  const retry: Retry = async (commitId, command, options = '{}') => makeReceipt(await session.call(() => core.retry(text(commitId, 'commitId'), command, options)), outcome)
  return Object.assign(liveList(session, list), {
    list,
    retry: async (commitId: string) => (session.around.writes ? (await conflictsPart()).retryAround(session, aggregates(), retry, commitId) : retry(commitId)),
    discard: (commitId: string) => session.call(() => core.discard(text(commitId, 'commitId'))),
  })
}

/**
 * Commits of other devices that the server has lost, as after its restore from a backup, and that it did not take back from here, because a rule
 * refuses them now; latest last, live. They are no longer in the log here. Each leaves the list by itself when a device that has it brings it back.
 */
export interface Orphans extends Live<readonly Orphan[]> {
  /** The list now. */
  list(): Promise<readonly Orphan[]>
  /** Removes one for good, on this device. Resolves to whether it was there. */
  forget(commitId: string): Promise<boolean>
}

/** The orphans over the core. */
export function makeOrphans(session: Session): Orphans {
  const { core } = session
  const list = async (): Promise<readonly Orphan[]> => JSON.parse(await session.call(() => core.orphans())) as Orphan[]
  return Object.assign(liveList(session, list), {
    list,
    forget: (commitId: string) => session.call(() => core.forget(text(commitId, 'commitId'))),
  })
}

/** Gives a rejected commit again, or the JSON of another command in its place, with JSON of options. */
export type Retry = (commitId: string, command?: string, options?: string) => Promise<Receipt>
