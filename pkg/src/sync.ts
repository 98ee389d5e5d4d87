/** The sync as the app sees it: how it stands, and what it can be told. */
import type { Core, CoreSyncStatus } from './core.js'
import { text } from './encode.js'
import { Cell, type Readable } from './live.js'
import type { Session } from './session.js'
import { following, type Follow } from './sync-options.js'
import type { Tabs } from './tabs.js'

/** How the sync stands. */
export interface SyncStatus {
  /**
   * - `off`: there is no server.
   * - `starting`: no tab has said yet how it stands.
   * - `idle`: nothing to do until something is decided here or there.
   * - `pushing`, `pulling`: on the way.
   * - `waiting`: the last attempt failed (`error`), the next comes at `retryAt`.
   * - `offline`: there is no network.
   * - `paused`: by `pause()`.
   * - `unauthorized`: the server does not take the token and the app had no better one.
   */
  readonly state: 'off' | 'starting' | Exclude<CoreSyncStatus['state'], 'off' | 'following'>
  /** Whether this tab does it; one of those that hold the database does. */
  readonly leader: boolean
  /** Whether only one tab does it: false where the browser has no Web Locks, then every tab syncs by itself. */
  readonly exclusive: boolean
  /** Whether there is a network, as far as this tab knows. */
  readonly online: boolean
  /** What waits for the server. */
  readonly pending: { readonly commits: number; readonly events: number }
  /** How many rejected commits wait for the app. */
  readonly rejected: number
  /** How many conflicts wait for a person's answer. */
  readonly conflicts: number
  /** How many commits of other devices the server has lost, which can't be brought back to it from here: see `tidelog.orphans`. */
  readonly orphans: number
  /** How many streams the server has archived, of those that are followed: see `archived()`. */
  readonly archived: number
  /** Whether the past of newly followed streams is being fetched: until then they are here with their first events only, or not at all. */
  readonly fetching: boolean
  /** When the last round that reached the end of the server's log was done, in milliseconds since 1970. */
  readonly lastSyncedAt?: number
  /**
   * The last failure, until a round succeeds. Codes to act on: `upgrade-needed`, app and server speak no common version of the sync protocol (the message
   * says which one is to be updated; it is tried again every hour, upon `now()`, and when the page is loaded again), and `log-changed`,
   * another log answers at the URL (`logId` is its identity: see `adopt`). Nothing is lost by any.
   */
  readonly error?: { readonly code: string; readonly message: string; readonly logId?: string }
  /** When the next attempt is due, in milliseconds since 1970. */
  readonly retryAt?: number
  /**
   * How the syncing tab hears of news: `stream`, the server tells them at once; `long-poll`, by answers that wait, where streams do not get
   * through; `poll`, by looking every `pollInterval`.
   */
  readonly live: CoreSyncStatus['live']
  /**
   * The last time since this tab opened that the server was found to have lost history, as after its restore from a backup: when, the
   * position up to which both sides agree, and how many commits this device offers to it again, those of other devices included.
   */
  readonly rewound?: NonNullable<CoreSyncStatus['rewound']>
  /**
   * The last time since this tab opened that this database was found to be a copy of another one that syncs too: a copied browser profile, a disk
   * restored from a backup. When, the `deviceId` that the other one goes on with, and the one that this device has from then on. Nothing is lost or doubled.
   */
  readonly renamed?: NonNullable<CoreSyncStatus['renamed']>
}

/** A stream that the server has archived: it takes no more commands, and its events are no longer in the server's log. */
export interface ArchivedStream {
  /** The stream. */
  readonly stream: string
  /** The version of its last event. */
  readonly version: number
  /** How many commits it had. */
  readonly commits: number
  /** The position of its last event. */
  readonly position: number
  /** What its events were, as bytes: SHA-256 with the reference server. */
  readonly digest: string
  /** When it was archived, by the server's clock, in milliseconds since 1970. */
  readonly archivedAt: number
  /** The name of the archive. */
  readonly archive: string
  /** The version up to which its events are on this device and can be read; 0 for none. */
  readonly here: number
}

/** The sync of a tidelog. */
export interface Sync extends Readable<SyncStatus> {
  /** How it stands now; the same as `get()`. */
  readonly status: SyncStatus
  /** Asks for a round now, whichever tab does it. */
  now(): void
  /**
   * Follows other streams from now on, in all tabs. What is new among them is fetched from its beginning (`status.fetching`), and is then where the
   * server has it; what is no longer followed stops arriving. Resolves once that is durable on this device, also offline.
   */
  follow(follow: Follow): Promise<void>
  /** The streams that the server has archived, of those that are followed, by name. */
  archived(): readonly ArchivedStream[]
  /** Sends and fetches nothing until `resume()`. What is decided meanwhile is kept as ever. */
  pause(): void
  /** Goes on. */
  resume(): void
  /**
   * Takes the log of this identity for the one that this database belongs to: after `log-changed`, the one in `status.error.logId`. **All that this
   * database holds is offered to it**, what other people and devices did included: call it only when somebody who may decide that has decided it.
   * Until then nothing was sent. Resolves to how many confirmed commits are offered; 0 if it is this database's log already, or if there is no server.
   *
   * @throws {TidelogError} `invalid-argument`, `corrupt` and failures of storage. Nothing changes then.
   */
  adopt(logId: string): Promise<number>
}

/** How long a tab waits before it leads again after its loop failed in a way it should not, in milliseconds. */
const restartAfter = 10_000

/** Runs the core's sync loop in one tab and shows how it stands in all of them. */
export class SyncControl implements Sync {
  readonly #session: Session
  readonly #tabs: Tabs
  readonly #cell: Cell<SyncStatus>
  /** How the sync stood when this tab came, as the leading one said. */
  #heard: Partial<CoreSyncStatus> | undefined
  #leading = false
  #cancelRestart: (() => void) | undefined

  constructor(session: Session, tabs: Tabs) {
    this.#session = session
    this.#tabs = tabs
    this.#cell = new Cell(this.#current())
    this.get = this.#cell.get
    this.subscribe = this.#cell.subscribe
    const { core, environment } = session
    core.setOnline(environment.online.get())
    const stop = environment.online.subscribe((online) => {
      core.setOnline(online)
      this.refresh()
    })
    session.whenEnded(() => {
      stop()
      this.#cancelRestart?.()
    })
  }

  readonly get: () => SyncStatus
  readonly subscribe: (run: (status: SyncStatus) => void) => () => void

  get status(): SyncStatus {
    return this.get()
  }

  /** Begins: leads if no other tab does, otherwise waits for the lock and shows what the leader says. */
  start(): void {
    if (!this.#session.syncing) return
    this.#tabs.ask()
    void this.#lead()
  }

  async #lead(): Promise<void> {
    const session = this.#session
    try {
      await this.#tabs.lead(async (signal) => {
        if (!session.usable || signal.aborted) return
        this.#leading = true
        signal.addEventListener('abort', () => session.usable && session.core.syncStop())
        try {
          const running = session.call(() => session.core.syncRun())
          this.refresh()
          await running
        } finally {
          this.#leading = false
          this.refresh()
        }
      })
    } catch (thrown) {
      session.failed(thrown)
    }
    if (session.usable) this.#cancelRestart = session.environment.after(restartAfter, () => void this.#lead())
  }

  now(): void {
    this.#tell((core) => core.syncNow())
  }

  async follow(follow: Follow): Promise<void> {
    const rules = JSON.stringify(following(follow, 'follow'))
    await this.#session.call(() => this.#session.core.syncFollow(rules))
  }

  archived(): readonly ArchivedStream[] {
    const archived = JSON.parse(this.#session.now(() => this.#session.core.archived())) as { marker: object; here: number }[]
    return archived.map(({ marker, here }) => ({ ...marker, here }) as ArchivedStream)
  }

  pause(): void {
    this.#tell((core) => core.syncPause())
  }

  resume(): void {
    this.#tell((core) => core.syncResume())
  }

  adopt(logId: string): Promise<number> {
    return this.#session.call(() => this.#session.core.adopt(text(logId, 'logId')))
  }

  #tell(say: (core: Core) => void): void {
    this.#session.now(() => say(this.#session.core))
    this.refresh()
  }

  /** Looks anew at how it stands. The tab that leads tells the others. */
  refresh(): void {
    if (!this.#session.usable) return
    const before = this.#cell.get()
    this.#cell.set(this.#current())
    if (this.#cell.get() !== before) this.announce()
  }

  /** Tells the other tabs how the sync stands, if this one leads: when that changed, and when one asks. */
  announce(): void {
    if (this.#leading && this.#session.usable) this.#tabs.announce(this.#session.status().sync)
  }

  /** The leading tab said how it stands. */
  heard(status: unknown): void {
    if (typeof status !== 'object' || status === null) return
    this.#heard = status
    this.refresh()
  }

  #current(): SyncStatus {
    const { environment, syncing } = this.#session
    const status = this.#session.status()
    const following = syncing && !this.#leading && status.sync.state === 'following'
    const shown: Partial<CoreSyncStatus> = following ? (this.#heard ?? {}) : status.sync
    const { state } = shown
    return {
      live: 'poll',
      ...shown,
      state: !syncing ? 'off' : state === undefined || state === 'following' || state === 'off' ? 'starting' : state,
      leader: this.#leading,
      exclusive: this.#tabs.exclusive,
      online: environment.online.get(),
      pending: { commits: status.pendingCommits, events: status.pendingEvents },
      rejected: status.rejected,
      fetching: status.sync.fetching,
      conflicts: status.conflicts,
      orphans: status.orphans,
      archived: status.archived,
    }
  }
}
