/** Timers that end with what they were set for. */
import type { Environment } from './environment.js'

/** The timers of one log. In Node.js, one that is still set keeps the process alive. */
export class Alarms {
  readonly #environment: Pick<Environment, 'after'>
  readonly #set = new Set<{ cancel: () => void }>()
  #closed = false

  constructor(environment: Pick<Environment, 'after'>) {
    this.#environment = environment
  }

  /** Calls `run` after so many milliseconds, unless all is closed by then. */
  after(milliseconds: number, run: () => void): void {
    if (this.#closed) return
    const alarm = { cancel: (): void => {} }
    this.#set.add(alarm)
    alarm.cancel = this.#environment.after(milliseconds, () => {
      this.#set.delete(alarm)
      run()
    })
  }

  /** No alarm rings from now on. */
  close(): void {
    this.#closed = true
    for (const alarm of this.#set) alarm.cancel()
    this.#set.clear()
  }
}
