/** Where the log is kept, how safe it is there, and what would be lost. */
import { Cell, type Readable } from './live.js'
import type { Session } from './session.js'

/** A row of the database that does not hold what was written. */
export interface CorruptRow {
  /** Its table. */
  readonly table: string
  /** Its key. */
  readonly key: string
  /** What is wrong with it. */
  readonly reason: string
}

/** Where the log is kept, and how safe it is there. */
export interface StorageReport {
  /** `memory`: nothing outlives the page. */
  readonly kind: 'indexeddb' | 'memory'
  /** Why it is memory, where IndexedDB was wanted (a private window, for one). */
  readonly reason?: string
  /**
   * - `durable`: the browser keeps it until the person deletes it.
   * - `best-effort`: the browser may clear it when space runs short (Safari: after seven days without a visit). See `persist()`.
   * - `memory`: it ends with the page.
   */
  readonly standing: 'durable' | 'best-effort' | 'memory'
  /**
   * When the browser clears it by itself:
   * - `never`: only when the person deletes it.
   * - `when-full`: when the device runs out of space, the origins first that were not visited for the longest time.
   * - `when-idle`: as well after seven days of using Safari without a visit to this site (https://webkit.org/blog/10218/).
   * - `with-the-page`: it is in memory.
   */
  readonly eviction: 'never' | 'when-full' | 'when-idle' | 'with-the-page'
  /** How hard an append pushes towards the disk before it resolves, as given to `open()`. */
  readonly durability: 'relaxed' | 'strict'
  /** Whether the browser has promised to keep the storage of this origin. */
  readonly persisted: boolean
  /** Bytes that this origin may use, about; undefined if the browser doesn't say. */
  readonly quota?: number
  /** Bytes that this origin uses, about, for this log and all else. */
  readonly usage?: number
  /** What waits for the server and is on this device only: how much, and when the first of it was decided, in milliseconds since 1970. */
  readonly unsynced: { readonly commits: number; readonly events: number; readonly oldest?: number }
  /** Whether work that is on this device only could be lost without the person deleting anything. Worth showing. */
  readonly atRisk: boolean
  /** Rows that can't be read. */
  readonly corrupt: readonly CorruptRow[]
  /**
   * Who needed the database, so that this page had to let go of it; what was acknowledged stays. `newer-version`: a newer version of the
   * app was opened in another tab: load this page again. `deletion`: the site's data was deleted.
   */
  readonly closedBy?: 'newer-version' | 'deletion'
}

/** The storage of a tidelog. */
export interface Storage extends Readable<StorageReport> {
  /** The report now; the same as `get()`. */
  readonly report: StorageReport
  /** Asks the browser to keep the storage of this origin until the person deletes it. Resolves to whether it does. Some browsers ask the person. */
  persist(): Promise<boolean>
  /** Looks anew at quota and usage, which browsers report with a delay. */
  refresh(): Promise<StorageReport>
}

/** Keeps the report current. */
export class StorageControl implements Storage {
  readonly #session: Session
  readonly #durability: 'relaxed' | 'strict'
  readonly #cell: Cell<StorageReport>
  #browser: { persisted: boolean; quota?: number; usage?: number } = { persisted: false }
  readonly get: () => StorageReport
  readonly subscribe: (run: (report: StorageReport) => void) => () => void

  constructor(session: Session, durability: 'relaxed' | 'strict') {
    this.#session = session
    this.#durability = durability
    this.#cell = new Cell(this.#current())
    this.get = this.#cell.get
    this.subscribe = this.#cell.subscribe
    session.whenDamaged(() => this.changed())
    session.whenEnded(() => {
      const { takenBy } = session
      if (takenBy) this.#cell.set({ ...this.#cell.get(), closedBy: takenBy })
    })
  }

  get report(): StorageReport {
    return this.get()
  }

  async persist(): Promise<boolean> {
    const { storage } = this.#session.environment
    const granted = this.get().kind === 'indexeddb' && (await storage?.persist().catch(() => false)) === true
    await this.refresh()
    return granted
  }

  async refresh(): Promise<StorageReport> {
    const { storage } = this.#session.environment
    // A browser that refuses to say leaves us with what we know.
    const [persisted, estimate] = await Promise.all([storage?.persisted().catch(() => false), storage?.estimate().catch(() => undefined)])
    this.#browser = {
      persisted: persisted === true,
      ...(estimate?.quota === undefined ? {} : { quota: estimate.quota }),
      ...(estimate?.usage === undefined ? {} : { usage: estimate.usage }),
    }
    this.changed()
    return this.get()
  }

  /** The log changed. */
  changed(): void {
    if (this.#session.usable) this.#cell.set(this.#current())
  }

  #current(): StorageReport {
    const { syncing } = this.#session
    const { storage: kind, storageReason, pendingCommits, pendingEvents, pendingSince, confirmedEvents, corrupt } = this.#session.status()
    const standing = kind === 'memory' ? 'memory' : this.#browser.persisted ? 'durable' : 'best-effort'
    // Without a server nothing of the log is anywhere else.
    const onlyHere = pendingEvents + (syncing ? 0 : confirmedEvents)
    return {
      kind,
      ...(storageReason === undefined ? {} : { reason: storageReason }),
      standing,
      eviction: standing === 'memory' ? 'with-the-page' : standing === 'durable' ? 'never' : this.#session.environment.clearsIdle ? 'when-idle' : 'when-full',
      durability: this.#durability,
      ...this.#browser,
      unsynced: { commits: pendingCommits, events: pendingEvents, ...(pendingSince === undefined ? {} : { oldest: pendingSince }) },
      atRisk: onlyHere > 0 && standing !== 'durable',
      corrupt,
    }
  }
}

/** Lets the browser ask before the page is closed while commits wait for the server. */
export function warnBeforeClose(session: Session, storage: Storage): void {
  if (typeof globalThis.addEventListener !== 'function') return
  const ask = (event: Event): void => event.preventDefault()
  const event = 'beforeunload'
  // Only while there is something to ask about: some browsers don't keep a page that listens for the way back.
  const stop = storage.subscribe(({ unsynced }) => (unsynced.commits > 0 ? addEventListener(event, ask) : removeEventListener(event, ask)))
  session.whenEnded(() => {
    stop()
    removeEventListener(event, ask)
  })
}
