/** The devices of a scenario, over the real wasm in memory. */
import { open, type Tidelog } from '../../src/node.js'
import { aggregates, projections, upcasters } from './domain.js'

/** Everything that a scenario plays with. */
export class World {
  #now = 1_767_225_600_000
  readonly #devices = new Map<string, Promise<Tidelog>>()

  advance(milliseconds: number): void {
    this.#now += milliseconds
  }

  /** The device of a name, opened if it is not yet. */
  device(name: string): Promise<Tidelog> {
    const known = this.#devices.get(name)
    if (known) return known
    const opened = open({
      name,
      storage: 'memory',
      aggregates: Object.values(aggregates),
      projections: Object.values(projections),
      upcasters,
      environment: { now: () => this.#now },
    })
    this.#devices.set(name, opened)
    return opened
  }

  /** Closes every device. */
  async end(): Promise<void> {
    for (const device of this.#devices.values()) (await device).close()
  }
}
