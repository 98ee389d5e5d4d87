/** Stories about devices that were offline: the real package on each, and the rules of the server between them. */
import type { AnyAggregate, EventOf, StateOf } from '../aggregate.js'
import type { EventExtras, NewEvent } from '../event.js'
import type { open as openFrom, OpenOptions } from '../open.js'
import type { Projection } from '../projection.js'
import type { Loaded, Tidelog } from '../tidelog.js'
import { Device } from './device.js'
import { ExpectationError, same } from './difference.js'
import { Clock } from './environment.js'
import { encoded, type Happened } from './happened.js'
import type { Order } from './order.js'
import { StoryServer, type ServerCommit } from './server.js'

/** What every device of a story has beside the aggregates that the story names. */
export type StoryOptions = Omit<Partial<OpenOptions>, 'name' | 'storage' | 'sync'>

/** Where a story has come to. */
export interface World {
  /** The tidelog of a device, for what a story's own words don't say. */
  device(name: string): Tidelog
  /** What the server has accepted, in the order of positions. */
  commits(): readonly ServerCommit[]
  /** Closes every device. */
  close(): void
}

/** How often devices may sync in turn before they must have come to rest. */
const maxRounds = 16

/**
 * A story: what is told is done, in order, when the story is awaited. Then it resolves to where it has come to, or rejects with the
 * first thing that does not hold.
 */
export class Story implements PromiseLike<World> {
  readonly #open: typeof openFrom
  readonly #history: readonly Happened[]
  readonly #options: StoryOptions
  readonly #aggregates: readonly AnyAggregate[]
  readonly #steps: readonly ((play: Play) => Promise<void>)[]

  /** @internal Made by `given()`. */
  constructor(
    open: typeof openFrom,
    history: readonly Happened[],
    options: StoryOptions = {},
    aggregates: readonly AnyAggregate[] = [],
    steps: readonly ((play: Play) => Promise<void>)[] = [],
  ) {
    this.#open = open
    this.#history = history
    this.#options = options
    this.#aggregates = aggregates
    this.#steps = steps
  }

  #and(step: (play: Play) => Promise<void>, aggregates: readonly AnyAggregate[] = []): Story {
    return new Story(this.#open, this.#history, this.#options, [...this.#aggregates, ...aggregates], [...this.#steps, step])
  }

  /** What all devices have beside the aggregates that the story names: projections, upcasters and whatever `open()` takes. */
  with(options: StoryOptions): Story {
    return new Story(this.#open, this.#history, { ...this.#options, ...options }, this.#aggregates, this.#steps)
  }

  /** A device does this while it is offline. It begins with what the server has when it is first named. */
  device(name: string, ...orders: readonly Order[]): Story {
    return this.#and(async (play) => {
      const device = play.devices.get(name) ?? (await play.open(name))
      for (const order of orders) await device.take(order)
    }, orders.map(({ aggregate }) => aggregate))
  }

  /**
   * These devices go online in this order, one after the other, and again until none of them has anything left to do: then they and
   * the server agree.
   */
  sync(...names: readonly string[]): Story {
    return this.#and(async (play) => {
      const devices = names.map((name) => play.known(name))
      const standing = (): string => [`server: ${play.server.commits().length} commits`, ...devices.map((device) => device.standing())].join('; ')
      for (let round = 0; round < maxRounds; round++) {
        const before = standing()
        for (const device of devices) await device.sync()
        if (standing() === before) return
      }
      throw new ExpectationError(`the devices did not come to rest within ${maxRounds} rounds: ${standing()}`)
    })
  }

  /** So many milliseconds go by, everywhere. */
  later(milliseconds: number): Story {
    return this.#and((play) => play.clock.advance(milliseconds, () => play.rest()))
  }

  /** Every device that has nothing left to send sees this state. */
  thenState<A extends AnyAggregate>(aggregate: A, id: string, expected: StateOf<A>): Story {
    return this.#and(async (play) => {
      for (const { name, tidelog } of play.synced()) {
        const loaded: Loaded<unknown> = await tidelog.load(aggregate as AnyAggregate, id)
        same(`the states of ${aggregate.name}-${id} on ${name}`, expected, loaded.state)
      }
    }, [aggregate])
  }

  /** Every device that has nothing left to send sees this row; undefined if there is to be none. */
  thenRow<Row>(projection: Projection<Row>, key: string, expected: Row | undefined): Story {
    return this.#and(async (play) => {
      for (const { name, tidelog } of play.synced()) same(`the rows of ${key} on ${name}`, expected, await tidelog.row(projection, key))
    })
  }

  /** The server has these events, and no others, of an aggregate's instance. */
  thenEvents<A extends AnyAggregate>(aggregate: A, id: string, expected: readonly (EventOf<A> & EventExtras)[]): Story {
    return this.#and((play) => {
      const stream = `${aggregate.name}-${id}`
      const commits = play.server.commits().filter(({ commit }) => commit.stream === stream)
      const shape = ({ type, data }: NewEvent): NewEvent => ({ type, data: data ?? null })
      same(`the events of ${stream}`, encoded(expected).map(shape), commits.flatMap(({ commit }) => commit.events.map(shape)))
      return Promise.resolve()
    })
  }

  /**
   * What became of the commands of a device, in the order they came: `confirmed`, `rebased`, `absorbed`, `pending`, or `rejected: `
   * and the domain's own code, or else the reason's.
   */
  thenOutcomes(device: string, ...expected: readonly string[]): Story {
    return this.#and(async (play) => same(`the outcomes on ${device}`, expected, await play.known(device).outcomes()))
  }

  /** How many rejected commits a device keeps for the app to resolve. */
  thenRejected(device: string, expected: number): Story {
    return this.#and(async (play) => {
      const rejected = await play.known(device).tidelog.rejected.list()
      if (rejected.length !== expected) throw new ExpectationError(`${device} was to keep ${expected} rejected commits, but keeps ${rejected.length}`, expected, rejected)
    })
  }

  /**
   * Tells the story to its end and looks at what has come of it. The devices are closed after `look`, unless it is awaited
   * (`const world = await story`): then they are yours to close.
   */
  then<Answer = World, Refusal = never>(
    look?: ((world: World) => Answer | PromiseLike<Answer>) | null,
    failed?: ((reason: unknown) => Refusal | PromiseLike<Refusal>) | null,
  ): Promise<Answer | Refusal> {
    const told = this.#tell()
    if (failed || !look) return told.then(look, failed)
    return told.then(async (world) => {
      try {
        return await look(world)
      } finally {
        world.close()
      }
    })
  }

  async #tell(): Promise<World> {
    const aggregates = new Set([...(this.#options.aggregates ?? []), ...this.#aggregates])
    for (const { aggregate } of this.#history) if (aggregate) aggregates.add(aggregate)
    const play = new Play(this.#open, { ...this.#options, aggregates: [...aggregates] })
    try {
      await play.write(this.#history)
      for (const step of this.#steps) await step(play)
      return play
    } catch (thrown) {
      play.close()
      throw thrown
    }
  }
}

/** A story while it is told. */
class Play implements World {
  readonly clock = new Clock()
  readonly server = new StoryServer(this.clock)
  readonly devices = new Map<string, Device>()
  readonly #openLog: typeof openFrom
  readonly #options: StoryOptions
  #opened = 0

  constructor(open: typeof openFrom, options: StoryOptions) {
    this.#openLog = open
    this.#options = options
  }

  /** The history comes from a device that then goes away. */
  async write(history: readonly Happened[]): Promise<void> {
    if (history.length === 0) return
    const writer = await this.open('the history')
    for (const { stream, events, actor } of history) {
      await writer.tidelog.append(stream, events, actor === undefined ? {} : { actor })
    }
    await writer.sync()
    writer.tidelog.close()
    this.devices.delete(writer.name)
  }

  async open(name: string): Promise<Device> {
    const device = await Device.open(this.#openLog, name, this.#options, this.clock, this.server, ++this.#opened)
    this.devices.set(name, device)
    return device
  }

  known(name: string): Device {
    const device = this.devices.get(name)
    if (!device) throw new ExpectationError(`the story has no device ${name}`)
    return device
  }

  synced(): Device[] {
    const synced = [...this.devices.values()].filter(({ tidelog }) => tidelog.sync.status.pending.commits === 0)
    if (synced.length === 0) throw new ExpectationError('no device of the story has sent everything: let one sync first')
    return synced
  }

  async rest(): Promise<void> {
    for (const device of this.devices.values()) await device.rest()
  }

  device(name: string): Tidelog {
    return this.known(name).tidelog
  }

  commits(): readonly ServerCommit[] {
    return this.server.commits()
  }

  close(): void {
    for (const { tidelog } of this.devices.values()) tidelog.close()
  }
}
