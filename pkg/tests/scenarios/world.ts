/** The devices of a scenario, over the real wasm, and the server if it has one. */
import type { Met, open as openFrom, OpenOptions, Tidelog, UpcasterDefinition } from '../../src/index.js'
import { upcaster } from '../../src/index.js'
import { Device } from '../../src/testing/device.js'
import { Clock, storyEnvironment, Switch } from '../../src/testing/environment.js'
import { StoryServer } from '../../src/testing/server.js'
import { partsOf, type Edition, type Parts } from './domain.js'
import { middleware, type Layer } from './layer.js'
import type { Domain } from './script.js'

/** Where the devices of a scenario keep their logs. */
export interface Ground {
  readonly open: typeof openFrom
  /** In memory nothing outlives an opening. */
  readonly storage: 'memory' | 'indexeddb'
  /** What all logs are named after. */
  readonly name: string
  readonly options?: Partial<OpenOptions>
}

/** The rules that a device is opened with. */
export interface Rules extends Pick<OpenOptions, 'unknownEvents' | 'knownEvents' | 'snapshots'> {
  /** Those of the domain, if none are given. */
  readonly upcasters?: readonly UpcasterDefinition[]
  readonly edition?: Edition
  /** The outermost first. */
  readonly middleware?: readonly Layer[]
}

interface Opened {
  readonly tidelog: Tidelog
  readonly parts: Parts
  readonly device?: Device
}

/** Everything that a scenario plays with. */
export class World {
  readonly #ground: Ground
  readonly #clock = new Clock()
  readonly #server: StoryServer | undefined
  readonly #domain: Domain
  readonly #devices = new Map<string, Opened>()
  /** What the devices told since they were opened. */
  readonly #met = new Map<Tidelog, Met[]>()
  /** What waits for the page to have nothing better to do. */
  readonly #waiting = new Set<() => void>()

  /** With a server or without. */
  constructor(ground: Ground, server: boolean, domain: Domain) {
    this.#ground = ground
    this.#domain = domain
    if (server) this.#server = new StoryServer(this.#clock)
  }

  advance(milliseconds: number): Promise<void> {
    return this.#clock.advance(milliseconds, () => Promise.resolve())
  }

  /** The device of a name, opened if it is not yet; then it knows what the server has. */
  async device(name: string): Promise<Opened> {
    return this.#devices.get(name) ?? (await this.open(name, {}))
  }

  /** Opens a device; one that is open is closed first, and finds again what it has stored. */
  async open(name: string, { edition = 1, upcasters, middleware: layers = [], ...rules }: Rules): Promise<Opened> {
    const before = this.#devices.get(name)
    if (before && this.#ground.storage === 'memory') throw new Error('a log in memory is gone when it is closed: the scenario is `stored`')
    before?.tidelog.close()
    const parts = partsOf(this.#domain, edition)
    const seed = this.#devices.size + 1
    const options: Partial<OpenOptions> = {
      ...this.#ground.options,
      ...rules,
      // what fails in the background is asked for by the steps, as a status or a list
      onError: () => {},
      aggregates: Object.values(parts.aggregates),
      projections: Object.values(parts.projections),
      processes: Object.values(parts.processes),
      upcasters: upcasters?.map(upcaster) ?? parts.upcasters,
      middleware: layers.map(middleware),
    }
    const idle = (run: () => void): (() => void) => {
      this.#waiting.add(run)
      return () => void this.#waiting.delete(run)
    }
    const { open, storage } = this.#ground
    let opened: Opened
    if (this.#server) {
      const device = await Device.open(open, name, { ...options, environment: { idle } }, this.#clock, this.#server, seed)
      opened = { tidelog: device.tidelog, parts, device }
    } else {
      const environment = { ...storyEnvironment(this.#clock, new Switch(), seed), idle }
      opened = { tidelog: await open({ ...options, name: `${this.#ground.name} ${name}`, storage, environment }), parts }
    }
    this.#devices.set(name, opened)
    const met: Met[] = []
    opened.tidelog.conflicts.on((one) => met.push(one))
    this.#met.set(opened.tidelog, met)
    return opened
  }

  /** What became of commits on a device since it was opened. */
  met(tidelog: Tidelog): readonly Met[] {
    return this.#met.get(tidelog) ?? []
  }

  /** Lets a device sync until it has nothing left to do. */
  async sync(tidelog: Tidelog): Promise<void> {
    const found = [...this.#devices.values()].find((known) => known.tidelog === tidelog)
    if (!found?.device) throw new Error('the scenario has no server')
    await found.device.sync()
  }

  /** The page has nothing better to do for a moment. */
  async idle(): Promise<void> {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const run of waiting) run()
    await new Promise<void>((resolve) => setTimeout(resolve, 1))
  }

  /** Closes every device. */
  end(): void {
    for (const { tidelog } of this.#devices.values()) tidelog.close()
  }
}
