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
  /** The network of this sync. Default: the `fetch` of the environment. */
  readonly fetch?: typeof fetch
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
