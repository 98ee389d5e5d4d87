/** Background work, one step at a time, when the page has nothing better to do. */
import type { Session } from './session.js'

/** Runs the core's maintenance when idle, after changes, for as long as there is more to do. */
export class Maintenance {
  readonly #session: Session
  #cancel: (() => void) | undefined
  #running = false
  #again = false

  constructor(session: Session) {
    this.#session = session
    session.whenEnded(() => this.#cancel?.())
  }

  /** There may be something to do. */
  schedule(): void {
    if (!this.#session.usable) return
    if (this.#running) this.#again = true
    else this.#cancel ??= this.#session.environment.idle(() => void this.#run())
  }

  async #run(): Promise<void> {
    this.#cancel = undefined
    if (!this.#session.usable) return
    this.#running = true
    let more = false
    try {
      more = await this.#session.call(() => this.#session.core.maintain())
    } catch (thrown) {
      this.#session.failed(thrown)
    }
    this.#running = false
    this.#session.watchers.worked()
    if (more || this.#again) {
      this.#again = false
      this.schedule()
    }
  }
}
