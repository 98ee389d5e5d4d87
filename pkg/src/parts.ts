/** The parts of the package that few pages need: files of their own, each loaded when it is first asked for. */
import type { Environment } from './environment.js'
import { messageOf, TidelogError } from './errors.js'

/** What reaches the server: of logs that sync. */
export const transportPart = (): Promise<typeof import('./transport.js')> => part('transport', import('./transport.js'))
/** What lets process managers act: of logs that have some. */
export const processesPart = (): Promise<typeof import('./processes.js')> => part('processes', import('./processes.js'))
/** What stands around commands, appends and queries: of logs that have middleware. */
export const layersPart = (): Promise<typeof import('./layers.js')> => part('layers', import('./layers.js'))
/** What checks commands and events: of logs whose aggregates have schemas. */
export const validationPart = (): Promise<typeof import('./validation.js')> => part('validation', import('./validation.js'))
/** What reads older shapes: of logs that have upcasters. */
export const upcastingPart = (): Promise<typeof import('./adapt-upcaster.js')> => part('adapt-upcaster', import('./adapt-upcaster.js'))
/** What puts right what a killed Chromium left. */
export const crashRecoveryPart = (): Promise<typeof import('./crash-recovery.js')> => part('crash-recovery', import('./crash-recovery.js'))
/** What asks the browser to wake the service worker: of logs that sync in the background. */
export const backgroundSyncPart = (): Promise<typeof import('./background-sync.js')> => part('background-sync', import('./background-sync.js'))
/** What tells hooks and the timeline: of logs that have hooks or marks. */
export const tracePart = (): Promise<typeof import('./trace.js')> => part('trace', import('./trace.js'))
/** Replays, differences and rebuilds. */
export const pastPart = (): Promise<typeof import('./past.js')> => part('past', import('./past.js'))
/** Answers to conflicts. */
export const conflictsPart = (): Promise<typeof import('./conflicts.js')> => part('conflicts', import('./conflicts.js'))
/** Exports, imports and bulk appends. */
export const transferPart = (): Promise<typeof import('./transfer.js')> => part('transfer', import('./transfer.js'))

/**
 * Loads what is otherwise loaded by its first use, once the page has nothing better to do and while there is a network: so that the first
 * use may be offline. Returns how to call it off.
 */
export function loadAhead({ idle, online }: Environment): () => void {
  return idle(() => {
    // Who asks for them hears why they can't be loaded.
    if (online.get()) void Promise.allSettled([pastPart(), transferPart(), conflictsPart()])
  })
}

async function part<Module>(name: string, loading: Promise<Module>): Promise<Module> {
  try {
    return await loading
  } catch (thrown) {
    const message = `${name}.js of the package can't be loaded (${messageOf(thrown)}): it is needed for the first time and there may be no network; load the page again once there is one`
    throw new TidelogError('part-failed', message, { part: name }, { cause: thrown })
  }
}
