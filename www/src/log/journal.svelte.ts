import type { RecordedEvent, Tidelog } from 'tidelog'

/**
 * The log of one device as the page shows it. Confirmed events never change, so only what comes after the last of them is read
 * again; the pending ones behind them are replaced each time.
 */
export class Journal {
  /** All events: the confirmed in the order of their positions, then the pending. */
  events = $state.raw<readonly RecordedEvent[]>([])
  /** Whether the log was read to its end at least once. */
  read = $state(false)
  readonly #tidelog: Tidelog
  #confirmed: RecordedEvent[] = []
  #reading = false
  #stale = false

  constructor(tidelog: Tidelog) {
    this.#tidelog = tidelog
  }

  /** Reads what is new. Calls while it reads lead to one more round. */
  async refresh(): Promise<void> {
    if (this.#reading) {
      this.#stale = true
      return
    }
    this.#reading = true
    try {
      do {
        this.#stale = false
        const after = this.#confirmed.at(-1)?.position ?? 0
        const news = await this.#tidelog.read({ after }).toArray()
        const confirmed = news.filter(({ status }) => status === 'confirmed')
        if (confirmed.length > 0) this.#confirmed = [...this.#confirmed, ...confirmed]
        this.events = [...this.#confirmed, ...news.filter(({ status }) => status === 'pending')]
        this.read = true
      } while (this.#stale)
    } finally {
      this.#reading = false
    }
  }
}
