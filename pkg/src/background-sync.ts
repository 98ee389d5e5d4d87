/** Asking the browser to wake the service worker when there is a network: loaded where the app wants it. */
import type { Session } from './session.js'
import type { Sync, SyncStatus } from './sync.js'

/** The tag of the sync event of a log. */
export const backgroundTag = (name: string): string => `tidelog:${name}`

/** What of the Background Sync API is used (https://wicg.github.io/background-sync/spec/): not in TypeScript's own declarations. */
interface SyncingRegistration {
  readonly sync?: { register(tag: string): Promise<void> }
}

/** Whether commits wait here that the page can't send now. */
const stuck = ({ pending, state, online }: SyncStatus): boolean => pending.commits > 0 && (!online || state === 'offline' || state === 'waiting')

/** Asks each time that commits begin to be stuck, and when the page is put away while some wait. */
export function askForBackgroundSync(session: Session, sync: Sync): void {
  const { serviceWorker } = (globalThis as { navigator?: Partial<Navigator> }).navigator ?? {}
  if (!serviceWorker) return
  const ask = async (): Promise<void> => {
    try {
      // There may never be one; then nobody asks.
      const registration = (await serviceWorker.ready) as SyncingRegistration
      await registration.sync?.register(backgroundTag(session.name))
    } catch {
      // The browser has no Background Sync, or the person has turned it off: the next visit sends what waits.
    }
  }
  let wasStuck = false
  const stop = sync.subscribe((status) => {
    const isStuck = stuck(status)
    if (isStuck && !wasStuck) void ask()
    wasStuck = isStuck
  })
  const putAway = (): void => {
    if (document.visibilityState === 'hidden' && sync.get().pending.commits > 0) void ask()
  }
  document.addEventListener('visibilitychange', putAway)
  session.whenEnded(() => {
    stop()
    document.removeEventListener('visibilitychange', putAway)
  })
}
