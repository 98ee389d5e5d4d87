/** Tabs of one origin on one database: they tell each other what changed, and one of them syncs. */
import type { Met } from './conflict.js'
import type { Channel, Environment } from './environment.js'

/** What tabs say to each other. */
type Message =
  /** A message between the cores. */
  | { readonly kind: 'core'; readonly text: string }
  /** The status of the sync, from the tab that syncs: whenever it changes, and when a tab asks. */
  | { readonly kind: 'status'; readonly status: unknown }
  /** Commits did not stay as they were: told by the tab that found it. */
  | { readonly kind: 'met'; readonly conflicts: readonly Met[] }
  /** A tab that has just come asks for the status. */
  | { readonly kind: 'ask' }

/** Of what became of commits while a tab was frozen, it hears about so much when it thaws. */
const mostUnheard = 1_000

/** What is frozen and thaws. A worker has no document, and is not frozen. */
const page = (): Document | undefined => (globalThis as { document?: Document }).document

/** Who listens to the other tabs. */
export interface TabListener {
  /** The core of another tab said this. */
  core(text: string): void
  /** The tab that syncs stands here. */
  status(status: unknown): void
  /** In another tab commits did not stay as they were. */
  met(conflicts: readonly Met[]): void
  /** Another tab wants to know how the sync stands. */
  asked(): void
}

/** This tab among those that hold the same database. */
export class Tabs {
  readonly #name: string
  readonly #environment: Environment
  readonly #closing = new AbortController()
  #channel: Channel | undefined
  /** What was said while the browser has frozen this tab, the last of each. */
  #unheard: Map<string, Message> | undefined

  constructor(name: string, environment: Environment, listener: TabListener) {
    this.#name = name
    this.#environment = environment
    const hear = (said: Message): void => {
      if (said.kind === 'core' && typeof said.text === 'string') listener.core(said.text)
      else if (said.kind === 'status') listener.status(said.status)
      else if (said.kind === 'met' && Array.isArray(said.conflicts)) listener.met(said.conflicts)
      else if (said.kind === 'ask') listener.asked()
    }
    this.#channel = environment.channel?.(`tidelog:${name}`, (message) => {
      if (typeof message !== 'object' || message === null) return
      const said = message as Message
      const unheard = this.#unheard
      if (!unheard) return hear(said)
      const kind = said.kind === 'core' ? said.text : said.kind === 'met' && unheard.size < mostUnheard ? `met ${unheard.size}` : said.kind
      unheard.delete(kind)
      unheard.set(kind, said)
    })
    // A frozen tab is told all the same, but hears no answer of its database: what it begins to read there would hold up all that others write.
    const { signal } = this.#closing
    page()?.addEventListener('freeze', () => (this.#unheard = new Map()), { signal })
    const thaw = (): void => {
      const unheard = this.#unheard
      this.#unheard = undefined
      unheard?.forEach(hear)
    }
    page()?.addEventListener('resume', thaw, { signal })
  }

  /** Whether only one tab leads: false where the browser has no Web Locks. */
  get exclusive(): boolean {
    return this.#environment.locks !== undefined
  }

  /** Hands a message of the core to the other tabs. */
  post(text: string): void {
    this.#post({ kind: 'core', text })
  }

  /** Tells the other tabs what became of commits. */
  met(conflicts: readonly Met[]): void {
    this.#post({ kind: 'met', conflicts })
  }

  /** Tells the other tabs how the sync stands. */
  announce(status: unknown): void {
    this.#post({ kind: 'status', status })
  }

  /** Asks the tab that syncs how it stands. */
  ask(): void {
    this.#post({ kind: 'ask' })
  }

  #post(message: Message): void {
    try {
      this.#channel?.post(message)
    } catch {
      // A channel that the browser has closed under us: the other tabs see the change when they next read the log.
    }
  }

  /**
   * Runs `run` in the one tab that holds the lock on `what`, waiting for it if another tab does; the browser gives the lock on when that
   * tab dies. Where there are no locks it runs at once. `run` has to end when its signal says so: the browser freezes this tab, which then leads
   * again when it thaws, or the lock was taken away. Resolves when `run` ended by itself, or when this was closed before.
   */
  async lead(run: (signal: AbortSignal) => Promise<void>, what = 'sync'): Promise<void> {
    const { locks } = this.#environment
    const closing = this.#closing.signal
    const document = page()
    while (!closing.aborted) {
      const turn = new AbortController()
      const end = (): void => turn.abort()
      if (!locks) return run(turn.signal)
      // A frozen tab would keep the lock, or be given it, and do nothing.
      document?.addEventListener('freeze', end)
      closing.addEventListener('abort', end)
      try {
        await locks.request(`tidelog:${this.#name}:${what}`, { signal: turn.signal }, () => run(turn.signal))
      } catch (thrown) {
        if (!turn.signal.aborted) {
          end()
          throw thrown
        }
      } finally {
        document?.removeEventListener('freeze', end)
        closing.removeEventListener('abort', end)
      }
      if (!turn.signal.aborted || closing.aborted) return
      await new Promise((thawed) => document!.addEventListener('resume', thawed, { once: true }))
    }
  }

  /** Says and hears nothing from now on, and no longer waits for the lock. */
  close(): void {
    this.#closing.abort()
    this.#channel?.close()
    this.#channel = undefined
  }
}
