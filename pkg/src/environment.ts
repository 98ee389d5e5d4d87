/** What the package takes from the browser, each part replaceable: by tests, by workers, by simulations of being offline. */

/** Whether there is a network. */
export interface OnlineSource {
  /** What is known now. A wrong `true` costs a failed attempt, a wrong `false` keeps work on the device. */
  readonly get: () => boolean
  /** Calls `run` whenever it changed, until the returned function is called. */
  readonly subscribe: (run: (online: boolean) => void) => () => void
}

/** A way to reach the other tabs of the same origin. */
export interface Channel {
  /** Hands `message` to every other holder of a channel of this name. */
  post(message: unknown): void
  /** Stops hearing and posting. */
  close(): void
}

/** What the package takes from outside. */
export interface Environment {
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now: () => number
  /** Milliseconds since some fixed moment, with fractions, for measuring. Default `performance.now`. */
  readonly elapsed: () => number
  /** Fills the array with random bytes. Default `crypto.getRandomValues`. */
  readonly random: (into: Uint8Array<ArrayBuffer>) => void
  /** Calls `run` after so many milliseconds, unless the returned function is called before. Default `setTimeout`. */
  readonly after: (milliseconds: number, run: () => void) => () => void
  /** Calls `run` when the page has nothing better to do, unless the returned function is called before. Default `requestIdleCallback`, or a short timer. */
  readonly idle: (run: () => void) => () => void
  /** The network. Default the global `fetch`. */
  readonly fetch: typeof fetch
  /** Whether there is a network. Default `navigator.onLine` and its events. */
  readonly online: OnlineSource
  /** The Web Locks that see to it that one tab syncs. Default `navigator.locks`; undefined where there are none: then every tab syncs by itself. */
  readonly locks: (Pick<LockManager, 'request'> & Partial<Pick<LockManager, 'query'>>) | undefined
  /** Opens a channel to the other tabs. Default `BroadcastChannel`; undefined where there is none: then tabs see each other's changes when they next read the log. */
  readonly channel: ((name: string, hear: (message: unknown) => void) => Channel) | undefined
  /** Quota and persistence. Default `navigator.storage`; undefined where there is none. */
  readonly storage: Pick<StorageManager, 'estimate' | 'persisted' | 'persist'> | undefined
  /** Whether the browser clears what a site stored when the person has not been there for days. Default: in Safari, and so in all of iOS, but for apps on the home screen. */
  readonly clearsIdle: boolean
}

/** The environment of this browser or worker, with what `given` replaces. Touches nothing before it is called. */
export function surroundings(given: Partial<Environment> = {}): Environment {
  const { navigator } = globalThis as { navigator?: Navigator }
  return {
    now: Date.now,
    elapsed: () => performance.now(),
    random: (into) => void crypto.getRandomValues(into),
    after: (milliseconds, run) => {
      const timer = setTimeout(run, milliseconds)
      return () => clearTimeout(timer)
    },
    idle,
    fetch: (input, init) => globalThis.fetch(input, init),
    online: browserOnline(navigator),
    locks: navigator?.locks,
    channel: typeof BroadcastChannel === 'function' ? openChannel : undefined,
    storage: navigator?.storage,
    clearsIdle: /AppleWebKit(?!.*Chrom(e|ium)\/)/.test(navigator?.userAgent ?? '') && !(navigator as { standalone?: boolean }).standalone,
    ...given,
  }
}

function idle(run: () => void): () => void {
  if (typeof requestIdleCallback === 'function') {
    const handle = requestIdleCallback(run, { timeout: 5_000 })
    return () => cancelIdleCallback(handle)
  }
  const timer = setTimeout(run, 200)
  return () => clearTimeout(timer)
}

function browserOnline(navigator: Navigator | undefined): OnlineSource {
  const get = (): boolean => navigator?.onLine !== false
  return {
    get,
    subscribe(run) {
      if (typeof globalThis.addEventListener !== 'function') return () => {}
      const changed = (): void => run(get())
      globalThis.addEventListener('online', changed)
      globalThis.addEventListener('offline', changed)
      return () => {
        globalThis.removeEventListener('online', changed)
        globalThis.removeEventListener('offline', changed)
      }
    },
  }
}

function openChannel(name: string, hear: (message: unknown) => void): Channel {
  const channel = new BroadcastChannel(name)
  channel.onmessage = (event: MessageEvent<unknown>) => hear(event.data)
  // Under Node.js an open channel would keep the process alive.
  ;(channel as { unref?: () => void }).unref?.()
  return { post: (message) => channel.postMessage(message), close: () => channel.close() }
}
