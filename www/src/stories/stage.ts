import { open, type Met, type OnlineSource, type Receipt, type Tidelog } from 'tidelog'
import type { Server } from '../device/device.svelte'
import { until } from '../until'
import { group, lesson, note, paper, sheet } from './domain'

/** A network that a story switches. */
class Switch implements OnlineSource {
  readonly #listeners = new Set<(online: boolean) => void>()
  #on = false
  readonly get = (): boolean => this.#on
  readonly subscribe = (run: (online: boolean) => void): (() => void) => {
    this.#listeners.add(run)
    return () => void this.#listeners.delete(run)
  }
  turn(on: boolean): void {
    this.#on = on
    for (const run of this.#listeners) run(on)
  }
}

/** One of the two devices that the stories happen on: databases and a log of their own, on the server of the page. */
export class Actor {
  readonly tidelog: Tidelog
  readonly #network: Switch

  private constructor(tidelog: Tidelog, network: Switch) {
    this.tidelog = tidelog
    this.#network = network
  }

  static async open(name: string, { url, token }: Server): Promise<Actor> {
    const network = new Switch()
    const tidelog = await open({
      name: `stories-${name}`,
      aggregates: [lesson, paper, group, note, sheet],
      environment: { online: network },
      sync: { url: `${url}-stories`, token, pollInterval: 1_000 },
    })
    return new Actor(tidelog, network)
  }

  goOffline(): void {
    this.#network.turn(false)
  }

  /** Online until the server has all that it may have. What a person is asked about waits. */
  async goOnline(): Promise<void> {
    this.#network.turn(true)
    await until(this.tidelog.sync, ({ pending, conflicts }) => pending.commits === conflicts)
  }

  /** What becomes of a commit next. */
  next({ commitId }: Receipt): Promise<Met['status']> {
    return new Promise((resolve) => {
      const stop = this.tidelog.conflicts.on((met) => {
        if (met.commitId !== commitId) return
        stop()
        resolve(met.status)
      })
    })
  }
}
