/** A calendar that the example turns by itself, so that weeks go by in no time. A real app leaves it out. */
import type { Environment } from 'tidelog'

export class Calendar {
  #now = Date.UTC(2026, 2, 2, 9)
  readonly #timers = new Set<{ readonly due: number; readonly run: () => void }>()

  /** What `open` is given. */
  readonly environment: Partial<Environment> = {
    now: () => this.#now,
    after: (milliseconds, run) => {
      const timer = { due: this.#now + milliseconds, run }
      this.#timers.add(timer)
      return () => void this.#timers.delete(timer)
    },
  }

  /** So many days go by. */
  days(count: number): void {
    this.#now += count * 86_400_000
    for (const timer of [...this.#timers]) {
      if (timer.due <= this.#now && this.#timers.delete(timer)) timer.run()
    }
  }
}
