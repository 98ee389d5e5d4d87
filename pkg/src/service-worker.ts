/** For the app's service worker: sends what was decided offline when there is a network again, also with no page open. */
import { backgroundTag } from './background-sync.js'
import { invalidArgument, TidelogError } from './errors.js'
import { open, type OpenOptions } from './open.js'
import type { SyncOptions } from './sync-options.js'

/** The options of a sync in a service worker: those of `open()` that matter to it, the same as in the pages. */
export interface BackgroundSyncOptions extends Pick<OpenOptions, 'name' | 'aggregates' | 'upcasters' | 'knownEvents' | 'unknownEvents' | 'actor' | 'wasm' | 'onError'> {
  /** How to reach the server. The token function is asked in the worker: there is no page to ask. A relative URL is relative to the worker. */
  readonly sync: SyncOptions
  /** Milliseconds after which it gives up, and the browser tries again later. From 1,000 to 300,000. Default 60,000; browsers end a worker after some minutes. */
  readonly patience?: number
}

/** What a `sync` event has. */
interface SyncEvent extends Event {
  readonly tag: string
  waitUntil(promise: Promise<unknown>): void
}

/**
 * Syncs whenever the browser says that there is a network, for pages that opened the log with `backgroundSync: true`. Call it while the worker's
 * script runs, not later.
 *
 * ```ts
 * import { syncInBackground } from 'tidelog/service-worker'
 *
 * syncInBackground({ name: 'academy', aggregates: [course], sync: { url: '/logs/academy', token: readToken } })
 * ```
 *
 * @throws {TidelogError} `invalid-argument`.
 */
export function syncInBackground(options: BackgroundSyncOptions): void {
  const { name, sync, patience = defaultPatience } = options ?? {}
  if (typeof name !== 'string' || name === '') throw invalidArgument('name', 'syncInBackground() takes the name of the log')
  if (typeof sync?.url !== 'string') throw invalidArgument('sync', 'syncInBackground() takes the same `sync` as open()')
  if (typeof patience !== 'number' || !(patience >= 1_000 && patience <= 300_000)) throw invalidArgument('patience', 'patience is from 1,000 to 300,000 milliseconds')
  globalThis.addEventListener('sync', (event) => {
    const { tag } = event as SyncEvent
    if (tag === backgroundTag(name)) (event as SyncEvent).waitUntil(syncOnce(options))
  })
}

const defaultPatience = 60_000

/**
 * Opens the log, pushes what waits, pulls what is new, and closes it. A page that syncs goes first: then it waits for that one to be done, or to go.
 *
 * @throws {TidelogError} `timeout` if the server was not reached or has not confirmed all in time; those of `open()`. What waits still waits.
 */
export async function syncOnce({ patience = defaultPatience, ...options }: BackgroundSyncOptions): Promise<void> {
  // A stream of news is for somebody who looks.
  const tidelog = await open({ ...options, storage: 'indexeddb', sync: { ...options.sync, live: false } })
  const began = Date.now()
  try {
    await new Promise<void>((resolve, reject) => {
      const giveUp = (why: string): void => reject(new TidelogError('timeout', `the sync of ${options.name} in the background was given up: ${why}`, { milliseconds: Date.now() - began }))
      const late = setTimeout(() => giveUp('it took too long'), patience)
      let stop = (): void => {}
      const end = (run: () => void): void => {
        clearTimeout(late)
        queueMicrotask(() => stop())
        run()
      }
      stop = tidelog.sync.subscribe(({ leader, state, pending, lastSyncedAt = 0, error }) => {
        // Whoever leads has been through a round; what still waits then, waits for an answer or for rules that only a page has.
        if (leader ? state === 'idle' && lastSyncedAt >= began : pending.commits === 0) end(resolve)
        else if (leader && (state === 'waiting' || state === 'offline' || state === 'unauthorized')) end(() => giveUp(error?.message ?? state))
      })
    })
  } finally {
    tidelog.close()
  }
}
