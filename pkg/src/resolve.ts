/** The queue of pending commits and the list of rejected ones. */
import { integer, text } from './encode.js'
import { LiveValue, type Live } from './live.js'
import { makeReceipt, type OutcomeOf, type QueuedCommit, type Receipt, type RejectedCommit } from './receipt.js'
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

/** The rejected list over the core. */
export function makeRejected(session: Session, outcome: OutcomeOf): Rejected {
  const { core } = session
  const list = async (): Promise<readonly RejectedCommit[]> => JSON.parse(await session.call(() => core.rejected())) as RejectedCommit[]
  return Object.assign(liveList(session, list), {
    list,
    retry: async (commitId: string) => {
      const retry = async (): Promise<Receipt> => makeReceipt(await session.call(() => core.retry(text(commitId, 'commitId'))), outcome)
      const found = session.around.writes ? (await list()).find((one) => one.commitId === commitId) : undefined
      if (!found) return retry()
      const { stream, command, events } = found
      if (!command) return session.around.append({ commits: [{ stream, events }], retries: commitId }, retry)
      const [aggregate] = stream.split('-', 1) as [string]
      return session.around.command({ aggregate, id: stream.slice(aggregate.length + 1), stream, command, options: {}, retries: commitId }, retry)
    },
    discard: (commitId: string) => session.call(() => core.discard(text(commitId, 'commitId'))),
  })
}
