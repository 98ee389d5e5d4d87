/** Who wants to hear of which changes. */
import type { Met } from './conflict.js'

/** What changed. */
export interface Change {
  /** Streams with new or changed events; undefined means that any may have. */
  readonly streams: readonly string[] | undefined
  /** Whether queue, rejected list or sync status changed. */
  readonly sync: boolean
}

/** Live values by what they depend on. */
export class Watchers {
  readonly #streams = new Map<string, Set<() => void>>()
  readonly #log = new Set<() => void>()
  readonly #sync = new Set<() => void>()
  readonly #work = new Set<() => void>()
  readonly #conflicts = new Set<(met: Met) => void>()

  /** Calls `stale` when this stream may have changed, until the returned function is called. */
  stream(stream: string, stale: () => void): () => void {
    const watchers = this.#streams.get(stream) ?? new Set()
    this.#streams.set(stream, watchers)
    watchers.add(stale)
    return () => {
      watchers.delete(stale)
      if (watchers.size === 0 && this.#streams.get(stream) === watchers) this.#streams.delete(stream)
    }
  }

  /** Calls `stale` when any stream may have changed. */
  log(stale: () => void): () => void {
    this.#log.add(stale)
    return () => void this.#log.delete(stale)
  }

  /** Calls `stale` when queue or rejected list may have changed. */
  sync(stale: () => void): () => void {
    this.#sync.add(stale)
    return () => void this.#sync.delete(stale)
  }

  /** Calls `stale` when a step of background work was done. */
  work(stale: () => void): () => void {
    this.#work.add(stale)
    return () => void this.#work.delete(stale)
  }

  /** Calls `listener` for every commit that did not stay as it was. */
  conflicts(listener: (met: Met) => void): () => void {
    this.#conflicts.add(listener)
    return () => void this.#conflicts.delete(listener)
  }

  /** Commits did not stay as they were. */
  met(conflicts: readonly Met[]): void {
    for (const met of conflicts) for (const one of [...this.#conflicts]) one(met)
  }

  /** A step of background work was done. */
  worked(): void {
    for (const one of [...this.#work]) one()
  }

  /** Something changed. */
  changed({ streams, sync }: Change): void {
    const stale = new Set<() => void>()
    if (streams === undefined || streams.length > 0) for (const one of this.#log) stale.add(one)
    for (const stream of streams ?? this.#streams.keys()) for (const one of this.#streams.get(stream) ?? []) stale.add(one)
    if (sync) for (const one of this.#sync) stale.add(one)
    for (const one of stale) one()
  }
}
