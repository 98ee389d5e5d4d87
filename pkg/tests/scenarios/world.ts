/** The devices of a scenario, over the real wasm in memory, and the server if it has one. */
import { open, type OpenOptions, type Tidelog } from '../../src/node.js'
import { Device } from '../../src/testing/device.js'
import { Clock, storyEnvironment, Switch } from '../../src/testing/environment.js'
import { StoryServer } from '../../src/testing/server.js'
import * as academy from './academy.js'
import { course, exam, projections, upcasters } from './domain.js'
import type { Domain } from './script.js'

const domains: Readonly<Record<Domain, Partial<OpenOptions>>> = {
  course: { aggregates: [course, exam], projections: Object.values(projections), upcasters },
  academy: { aggregates: [academy.way, academy.certificate, academy.badge, academy.inbox], processes: [academy.certification] },
}

/** Everything that a scenario plays with. */
export class World {
  readonly #clock = new Clock()
  readonly #server: StoryServer | undefined
  readonly #domain: Partial<OpenOptions>
  readonly #devices = new Map<string, { tidelog: Tidelog; device?: Device }>()

  /** With a server or without. */
  constructor(server: boolean, domain: Domain) {
    this.#domain = domains[domain]
    if (server) this.#server = new StoryServer(this.#clock)
  }

  advance(milliseconds: number): Promise<void> {
    return this.#clock.advance(milliseconds, () => Promise.resolve())
  }

  /** The device of a name, opened if it is not yet; then it knows what the server has. */
  async device(name: string): Promise<Tidelog> {
    const known = this.#devices.get(name)
    if (known) return known.tidelog
    const seed = this.#devices.size + 1
    if (this.#server) {
      const device = await Device.open(open, name, this.#domain, this.#clock, this.#server, seed)
      this.#devices.set(name, { tidelog: device.tidelog, device })
      return device.tidelog
    }
    const environment = storyEnvironment(this.#clock, new Switch(), seed)
    const tidelog = await open({ ...this.#domain, name, storage: 'memory', environment })
    this.#devices.set(name, { tidelog })
    return tidelog
  }

  /** Lets a device sync until it has nothing left to do. */
  async sync(tidelog: Tidelog): Promise<void> {
    const found = [...this.#devices.values()].find((known) => known.tidelog === tidelog)
    if (!found?.device) throw new Error('the scenario has no server')
    await found.device.sync()
  }

  /** Closes every device. */
  end(): void {
    for (const { tidelog } of this.#devices.values()) tidelog.close()
  }
}
