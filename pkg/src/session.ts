/** One opening of a log: the core, whether it may be called, and where failures go. */
import type { Core, CoreStatus } from './core.js'
import type { Environment } from './environment.js'
import { asTidelogError, isTidelogError, TidelogError, type ErrorDetails } from './errors.js'
import { nothingAround, type Around } from './middleware.js'
import type { Purity } from './purity.js'
import { Watchers } from './watchers.js'

/** What every part of an open log shares. */
export class Session {
  /** The name of the log. */
  readonly name: string
  readonly core: Core
  readonly environment: Environment
  /** Whether a server is the authority. */
  readonly syncing: boolean
  /** Who wants to hear of changes. */
  readonly watchers = new Watchers()
  /** What stands around commands and queries. */
  readonly around: Around
  readonly #purity: Purity
  readonly #onError: (error: TidelogError) => void
  readonly #ending: (() => void)[] = []
  readonly #damaged: (() => void)[] = []
  readonly #calls = new Set<(error: TidelogError) => void>()
  #crash: TidelogError | undefined
  #taken: TidelogError<'closed'> | undefined
  #closed = false

  constructor(name: string, core: Core, environment: Environment, syncing: boolean, purity: Purity, onError: (error: TidelogError) => void, around = nothingAround) {
    this.name = name
    this.core = core
    this.environment = environment
    this.syncing = syncing
    this.#purity = purity
    this.#onError = onError
    this.around = around
  }

  /** Whether it has been closed. */
  get closed(): boolean {
    return this.#closed
  }

  /** Whether the core may still be called: it has neither been closed nor crashed. */
  get usable(): boolean {
    return !this.#closed && !this.#crash
  }

  /** Refuses what may not happen now: after a close, after a crash, within a pure function of the app. */
  check(): void {
    if (this.#closed) throw this.#taken ?? new TidelogError('closed', `the tidelog ${this.name} has been closed`, {})
    this.#purity.check()
    if (this.#crash) throw this.#crash
  }

  /** Runs a call into the core; its failures are errors of this package. */
  async call<Answer>(run: () => Promise<Answer>): Promise<Answer> {
    this.check()
    // A crash leaves promises of the core without an answer; those who wait must hear of it all the same.
    let crashed!: (error: TidelogError) => void
    const crash = new Promise<never>((_, reject) => (crashed = reject))
    this.#calls.add(crashed)
    try {
      return await Promise.race([run(), crash])
    } catch (thrown) {
      throw this.#known(thrown)
    } finally {
      this.#calls.delete(crashed)
    }
  }

  /** The core crashed: every call under way fails, and every later one. */
  crashed(error: TidelogError): void {
    if (this.#crash) return
    this.#crash = error
    for (const fail of this.#calls) fail(error)
    this.#end()
    if (!this.#closed) this.#onError(error)
  }

  /** The same for a call that answers at once. */
  now<Answer>(run: () => Answer): Answer {
    this.check()
    try {
      return run()
    } catch (thrown) {
      throw this.#known(thrown)
    }
  }

  /** Runs a function of the app that must not call the tidelog. */
  pure<Answer>(run: () => Answer): Answer {
    return this.#purity.during(run)
  }

  /** Where the core stands. */
  status(): CoreStatus {
    return this.now(() => this.core.status())
  }

  #known(thrown: unknown): TidelogError {
    const error = asTidelogError(thrown)
    if (error.code === 'core-crashed') this.crashed(error)
    if (isTidelogError(error, 'closed') && error.details.by) this.#takenAway(error)
    if (error.code === 'corrupt' && this.usable) for (const run of this.#damaged) run()
    return error
  }

  /** Somebody else needed the database: what the app may do now is what it may after `close()`, and it is told why. */
  #takenAway(error: TidelogError<'closed'>): void {
    if (this.#closed) return
    this.#taken = error
    this.close()
    this.#onError(error)
  }

  /** Who needed the database, if it was taken away. */
  get takenBy(): ErrorDetails['closed']['by'] {
    return this.#taken?.details.by
  }

  /** Takes a failure that nobody awaits. Those of a log that is being closed are none. */
  readonly failed = (thrown: unknown): void => {
    const error = this.#known(thrown)
    if (!this.#closed && error.code !== 'closed' && error !== this.#crash) this.#onError(error)
  }

  /** Does this whenever a call meets a row that can't be read: which one it is, the core knows from then on. */
  whenDamaged(run: () => void): void {
    this.#damaged.push(run)
  }

  /** Does this when the core may no longer be called, after a close or a crash, latest first. */
  whenEnded(run: () => void): void {
    this.#ending.push(run)
  }

  #end(): void {
    for (const run of this.#ending.splice(0).reverse()) run()
  }

  /** Ends every part, and closes the core. */
  close(): void {
    if (this.#closed) return
    this.#purity.check()
    this.#closed = true
    this.#end()
    if (!this.#crash) this.core.close()
  }
}
