/** How a log reaches its server, as `open()` takes it. */
import { integer, text } from './encode.js'
import { invalidArgument } from './errors.js'

/** How to reach the server. */
export interface SyncOptions {
  /** The URL of the log, such as `https://example.org/logs/academy`. A relative one is relative to the page. */
  readonly url: string
  /** The bearer token, or a function that gives it: asked before the first request, and again once after each 401. */
  readonly token?: string | (() => string | Promise<string>)
  /**
   * Whether the server tells news as they come (default): by a stream, or where one does not get through by answers that wait. One tab holds one
   * connection for it. `false`: it is only looked for them.
   */
  readonly live?: boolean
  /** Milliseconds between looks for news while there is nothing to push and the server does not tell them. From 100 to 86,400,000. Default 5,000. */
  readonly pollInterval?: number
  /** Milliseconds after which a request without its whole answer is given up. From 100 to 600,000. Default 30,000. */
  readonly timeout?: number
  /**
   * The schema version of each type that the server, or other apps on its log, know at most: `{ LessonCompleted: 1 }`. Newer events go out
   * in that shape, back along their upcasters; what comes in is read in today's. A commit with no way back is rejected (`no-downcast`).
   */
  readonly pushAs?: Readonly<Record<string, number>>
  /**
   * The streams of the server's log that this device follows: see `Follow`. It counts from this opening on, also in other tabs. Absent: what the
   * device was told last, at first everything.
   */
  readonly follow?: Follow
  /** The network of this sync. Default: the `fetch` of the environment. */
  readonly fetch?: typeof fetch
}

/**
 * Which streams of the server's log are followed, by rules: the name of a stream (`note-7`), the name of an aggregate (`course`), or the beginning of
 * names and `*` (`exam-7a-*`; `*` alone is everything). At most 64 rules, which take at most 2,048 bytes in a URL.
 *
 * The streams of process managers are followed with them, and any stream for as long as a commit of it is pending. With `forget`, confirmed events
 * of streams that are no longer followed leave this device; by default they stay as they are.
 */
export type Follow = readonly string[] | { readonly streams: readonly string[]; readonly forget?: boolean }

/** What is to be followed, for the core, which checks the rules. */
export function following(follow: Follow, argument: string): { streams: readonly string[]; forget?: boolean } {
  const { streams, forget = false } = (Array.isArray(follow) ? { streams: follow } : (follow ?? {})) as { streams: unknown; forget?: unknown }
  if (!Array.isArray(streams) || !streams.every((rule) => typeof rule === 'string') || typeof forget !== 'boolean') {
    throw invalidArgument(argument, `${argument} is a list of rules, or an object with a list as streams`)
  }
  return { streams, forget }
}

/** Milliseconds between looks for news, unless the app says otherwise. */
export const defaultPollInterval = 5_000

/** Checks the options of the sync. */
export function checkSync(options: SyncOptions): void {
  text(options.url, 'sync.url')
  const { token, pollInterval, timeout, live } = options
  if (token !== undefined && typeof token !== 'string' && typeof token !== 'function') {
    throw invalidArgument('sync.token', 'sync.token is a string or a function that returns one')
  }
  if (live !== undefined && typeof live !== 'boolean') throw invalidArgument('sync.live', 'sync.live is true or false')
  if (pollInterval !== undefined) integer(pollInterval, 100, 86_400_000, 'sync.pollInterval')
  if (timeout !== undefined) integer(timeout, 100, 600_000, 'sync.timeout')
}
