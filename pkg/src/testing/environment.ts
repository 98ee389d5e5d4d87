/** Surroundings that a story decides: a clock that moves when told, ids that are always the same, and no network but the story's. */
import type { Environment, OnlineSource } from '../environment.js'
import { start } from './happened.js'

/** The clock of a story, shared by its devices and its server. Timers ring only while it moves. */
export class Clock {
  now = start
  readonly #timers = new Set<{ at: number; run: () => void }>()

  /** Calls `run` once the clock has moved so far, unless the returned function is called before. */
  after(milliseconds: number, run: () => void): () => void {
    const timer = { at: this.now + Math.max(milliseconds, 0), run }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  /** Moves on, ringing what is due on the way; `rest` is awaited after each ring. */
  async advance(milliseconds: number, rest: () => Promise<void>): Promise<void> {
    const end = this.now + milliseconds
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)[0]
      if (!due) break
      this.now = Math.max(this.now, due.at)
      this.#timers.delete(due)
      due.run()
      await rest()
    }
    this.now = end
  }
}

/** Whether a device is online: the story says so. */
export class Switch implements OnlineSource {
  #online = false
  readonly #listeners = new Set<(online: boolean) => void>()

  readonly get = (): boolean => this.#online
  readonly subscribe = (run: (online: boolean) => void): (() => void) => {
    this.#listeners.add(run)
    return () => void this.#listeners.delete(run)
  }

  /** Turns the network on or off. */
  turn(online: boolean): void {
    this.#online = online
    for (const run of this.#listeners) run(online)
  }
}

/** The surroundings of one device; another `seed` gives other ids. */
export function storyEnvironment(clock: Clock, online: OnlineSource, seed: number): Partial<Environment> {
  let state = Math.imul(seed, 0x9e37_79b9) | 1
  return {
    now: () => clock.now,
    random(into) {
      for (let index = 0; index < into.length; index++) {
        // xorshift32 (Marsaglia 2003): enough for ids that must only differ
        state ^= state << 13
        state ^= state >>> 17
        state ^= state << 5
        into[index] = state >>> 24
      }
    },
    after: (milliseconds, run) => clock.after(milliseconds, run),
    idle: () => () => {},
    online,
    locks: undefined,
    channel: undefined,
    storage: undefined,
  }
}
