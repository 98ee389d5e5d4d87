/** One device of a story: the real package over a log in memory. */
import type { Aggregate } from '../aggregate.js'
import type { AnyCommand } from '../command.js'
import { isTidelogError } from '../errors.js'
import type { AnyEvent } from '../event.js'
import type { open as openFrom, OpenOptions } from '../open.js'
import type { Receipt } from '../receipt.js'
import type { Tidelog } from '../tidelog.js'
import { ExpectationError } from './difference.js'
import { storyEnvironment, Switch, type Clock } from './environment.js'
import type { Order } from './order.js'
import type { StoryServer } from './server.js'

/** The states in which a sync has nothing left to do, or can't. */
const atRest = new Set(['idle', 'waiting', 'unauthorized'])

/** A device: offline unless it syncs. */
export class Device {
  readonly name: string
  readonly tidelog: Tidelog
  readonly #online: Switch
  readonly #receipts: Receipt[] = []

  private constructor(name: string, tidelog: Tidelog, online: Switch) {
    this.name = name
    this.tidelog = tidelog
    this.#online = online
  }

  /** Opens its log and lets it fetch what the server has. */
  static async open(open: typeof openFrom, name: string, options: Partial<OpenOptions>, clock: Clock, server: StoryServer, seed: number): Promise<Device> {
    const online = new Switch()
    const tidelog = await open({
      ...options,
      name: `story ${name}`,
      storage: 'memory',
      sync: { url: server.url, fetch: server.fetch, pollInterval: 86_400_000, live: false },
      environment: { ...storyEnvironment(clock, online, seed), ...options.environment },
    })
    const device = new Device(name, tidelog, online)
    await device.sync()
    return device
  }

  /** Decides a command, offline. */
  async take({ aggregate, id, command, options, refusal }: Order): Promise<void> {
    const shown = `${this.name}: ${(command as { type: string }).type} for ${aggregate.name}-${id}`
    try {
      const receipt: Receipt = await this.tidelog.execute(aggregate as Aggregate<unknown, AnyCommand, AnyEvent>, id, command as AnyCommand, options)
      this.#receipts.push(receipt)
    } catch (thrown) {
      if (refusal === undefined || !isTidelogError(thrown)) throw thrown
      const detail = isTidelogError(thrown, 'refused') ? thrown.details.detail : undefined
      if (refusal === thrown.message || refusal === (detail ?? thrown.code)) return
      throw new ExpectationError(`${shown} was to be refused with ${refusal}, but: ${thrown.message} (${detail ?? thrown.code})`, refusal, detail ?? thrown.code)
    }
    if (refusal !== undefined) throw new ExpectationError(`${shown} was to be refused with ${refusal}, but was accepted`)
  }

  /** Online until nothing is left to do. */
  async sync(): Promise<void> {
    this.#online.turn(true)
    await this.rest()
    this.#online.turn(false)
    await this.#until(() => this.tidelog.sync.status.state === 'offline')
  }

  /** Resolves when its sync has come to rest, at once if it is offline. */
  async rest(): Promise<void> {
    if (this.#online.get()) await this.#until(() => atRest.has(this.tidelog.sync.status.state))
  }

  #until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      let done = false
      const stop = this.tidelog.sync.subscribe(() => {
        if (done || !holds()) return
        done = true
        resolve()
        queueMicrotask(() => stop())
      })
    })
  }

  /** What moves while devices sync. */
  standing(): string {
    const { pending, rejected } = this.tidelog.sync.status
    return `${this.name}: ${pending.commits} pending, ${rejected} rejected`
  }

  /** What became of its commands, in the order they came. */
  async outcomes(): Promise<string[]> {
    const words: string[] = []
    for (const receipt of this.#receipts) {
      const events = await this.tidelog.read({ stream: receipt.stream }).toArray()
      if (events.some(({ commitId, status }) => commitId === receipt.commitId && status === 'pending')) {
        words.push((await this.tidelog.conflicts.find(receipt.commitId)) ? 'asked' : 'pending')
        continue
      }
      const outcome = await receipt.confirmed
      words.push(outcome.status === 'rejected' ? `rejected: ${outcome.reason.detail ?? outcome.reason.code}` : outcome.status)
    }
    return words
  }
}
