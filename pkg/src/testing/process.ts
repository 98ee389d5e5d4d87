/** Stories about a process manager, with time: the core itself runs it, over a log in memory. */
import { aggregate, type AnyAggregate } from '../aggregate.js'
import type { AnyCommand } from '../command.js'
import { encodeCommand, integer } from '../encode.js'
import { invalidArgument } from '../errors.js'
import type { AnyEvent } from '../event.js'
import type { open as openFrom } from '../open.js'
import type { AnyProcess, ProcessManager, Reaction, Reactions } from '../process.js'
import type { ProcessInstance, ProcessState } from '../processes.js'
import { DomainError } from '../refusal.js'
import type { Tidelog } from '../tidelog.js'
import { ExpectationError, same } from './difference.js'
import { Clock, storyEnvironment, Switch } from './environment.js'
import type { Happened } from './happened.js'
import type { Order } from './order.js'

/** The type of event by which a stand-in for an aggregate says that it accepted a command. */
const accepted = 'tidelog:accepted'
/** How often the log may change because of one event before the process must have come to rest. */
const maxRounds = 200

/** A step of a story. */
type Step = (play: Play) => Promise<void>

/**
 * A story about a process manager: what is told is done, in order, when the story is awaited, and the first thing that does not hold
 * rejects with the difference. Commands are accepted unless the story refuses them: what the aggregates make of them is for stories
 * about aggregates, and what they decide is told by `when`.
 */
export class ProcessStory<State> implements PromiseLike<void> {
  readonly #open: typeof openFrom
  readonly #process: ProcessManager<State>
  readonly #steps: readonly Step[]

  /** @internal Made by `given()`. */
  constructor(open: typeof openFrom, process: ProcessManager<State>, steps: readonly Step[]) {
    this.#open = open
    this.#process = process
    this.#steps = steps
  }

  #and(step: Step): ProcessStory<State> {
    return new ProcessStory(this.#open, this.#process, [...this.#steps, step])
  }

  /** From now on, commands for this stream, `certificate-ada`, are refused with this code. */
  refuse(stream: string, code: string): ProcessStory<State> {
    return this.#and((play) => Promise.resolve(void play.refusals.set(stream, code)))
  }

  /** These events happen now, one after the other. */
  when(...events: readonly Happened[]): ProcessStory<State> {
    return this.#and((play) => play.take(events))
  }

  /** So many milliseconds go by; what is due on the way rings. */
  later(milliseconds: number): ProcessStory<State> {
    integer(milliseconds, 0, Number.MAX_SAFE_INTEGER, 'milliseconds')
    return this.#and((play) => play.later(milliseconds))
  }

  /** These commands were accepted, in this order, since the last look. */
  thenCommands(...expected: readonly Order[]): ProcessStory<State> {
    const shapes = expected.map(({ aggregate, id, command }) => ({ stream: `${aggregate.name}-${id}`, command: JSON.parse(encodeCommand(command as AnyCommand)) as unknown }))
    return this.#and(async (play) => same('the commands', shapes, await play.commands()))
  }

  /** It gave no command since the last look. */
  thenNothing(): ProcessStory<State> {
    return this.thenCommands()
  }

  /** Where an instance stands; undefined if there is to be no such instance. */
  thenStatus(instance: string, expected: ProcessState | undefined): ProcessStory<State> {
    return this.#and(async (play) => same(`the statuses of ${instance}`, expected, (await play.instance(instance))?.status))
  }

  /** What the process knows of an instance; undefined if there is to be no such instance. */
  thenState(instance: string, expected: NoInfer<State> | undefined): ProcessStory<State> {
    return this.#and(async (play) => same(`the states of ${instance}`, expected, (await play.instance(instance))?.state))
  }

  /** What an instance waits for: the names of its timeouts, and in how many milliseconds each of them rings. */
  thenWaits(instance: string, expected: Readonly<Record<string, number>>): ProcessStory<State> {
    return this.#and(async (play) => {
      const timeouts = (await play.instance(instance))?.timeouts ?? []
      same(`the timeouts of ${instance}`, expected, Object.fromEntries(timeouts.map(({ name, due }) => [name, due - play.clock.now])))
    })
  }

  /** Tells the story to its end. */
  then<Answer = void, Refusal = never>(
    told?: (() => Answer | PromiseLike<Answer>) | null,
    failed?: ((reason: unknown) => Refusal | PromiseLike<Refusal>) | null,
  ): Promise<Answer | Refusal> {
    return this.#tell().then(told, failed)
  }

  async #tell(): Promise<void> {
    // A command for an aggregate that has no stand-in yet: the story begins anew with one. It is the same every time.
    for (const aggregates = new Set<string>(); ; ) {
      const play = await Play.open(this.#open, this.#process, aggregates)
      const known = aggregates.size
      try {
        for (const step of this.#steps) {
          await step(play)
          if (aggregates.size > known) break
        }
        if (aggregates.size === known) return
      } catch (thrown) {
        if (aggregates.size === known) throw thrown
      } finally {
        play.tidelog.close()
      }
    }
  }
}

/** A story while it is told. */
class Play {
  readonly clock: Clock
  readonly refusals: Map<string, string>
  readonly tidelog: Tidelog
  readonly #process: AnyProcess
  #seen = 0

  private constructor(tidelog: Tidelog, process: AnyProcess, clock: Clock, refusals: Map<string, string>) {
    this.tidelog = tidelog
    this.#process = process
    this.clock = clock
    this.refusals = refusals
  }

  static async open(open: typeof openFrom, process: AnyProcess, aggregates: Set<string>): Promise<Play> {
    const [clock, refusals] = [new Clock(), new Map<string, string>()]
    const meet = (answer: Reactions): Reactions => {
      for (const name of addressed(answer)) aggregates.add(name)
      return answer
    }
    const watched: AnyProcess = {
      ...process,
      correlate: (event) => (event.type === accepted ? undefined : process.correlate(event)),
      react: (...given) => meet(process.react(...given)),
      onTimeout: (...given) => meet(process.onTimeout?.(...given)),
    }
    const tidelog = await open({
      name: 'story',
      storage: 'memory',
      aggregates: [...aggregates].map((name) => standIn(name, refusals)),
      processes: [watched],
      // Its own loop would come with the same, later; what it meets is told by the story.
      onError: () => {},
      environment: { ...storyEnvironment(clock, new Switch(), 1), after: () => () => {} },
    })
    const play = new Play(tidelog, watched, clock, refusals)
    try {
      await play.rest()
    } catch (thrown) {
      tidelog.close()
      throw thrown
    }
    return play
  }

  async take(events: readonly Happened[]): Promise<void> {
    for (const { stream, events: some, actor } of events) {
      await this.tidelog.append(stream, some, actor === undefined ? {} : { actor })
      await this.rest()
    }
  }

  async later(milliseconds: number): Promise<void> {
    const end = this.clock.now + milliseconds
    for (let due = await this.rest(); due !== undefined && due <= end; due = await this.rest()) this.clock.now = due
    this.clock.now = end
  }

  /** Lets the process act until nothing more comes of it; the moment when its next timeout is due. */
  async rest(): Promise<number | undefined> {
    for (let round = 0; round < maxRounds; round++) {
      const { due, changed } = await this.tidelog.processes.advance()
      if (changed) continue
      const { trouble } = await this.tidelog.processes.status(this.#process)
      const [parked] = await this.tidelog.processes.list(this.#process, { status: 'parked' })
      const wrong = trouble ?? parked?.failure
      if (wrong) throw new Error(wrong.message)
      return due
    }
    throw new ExpectationError(`process manager ${this.#process.name} does not come to rest: it went on for ${maxRounds} rounds without time going by`)
  }

  /** The commands accepted since the last look. */
  async commands(): Promise<unknown[]> {
    const events = await this.tidelog.read({ types: [accepted], after: this.#seen }).toArray()
    this.#seen = events.at(-1)?.position ?? this.#seen
    return events.map(({ stream, data }) => ({ stream, command: data }))
  }

  instance(id: string): Promise<ProcessInstance | undefined> {
    return this.tidelog.processes.get(this.#process, id)
  }
}

/** Accepts every command that the story does not refuse. */
function standIn(name: string, refusals: ReadonlyMap<string, string>): AnyAggregate {
  return aggregate({
    name,
    initialState: null,
    decide(command: AnyCommand, _, { stream }): AnyEvent {
      const code = refusals.get(stream)
      if (code !== undefined) throw new DomainError(code, code)
      return { type: accepted, data: JSON.parse(encodeCommand(command)) as unknown }
    },
    evolve: (state, _: AnyEvent) => state,
  })
}

/** The aggregates that reactions send commands to. */
function addressed(answer: Reactions): string[] {
  const list = (answer === undefined || answer === null ? [] : [answer].flat()) as readonly Partial<Reaction>[]
  return list.flatMap((one) => {
    const { execute } = JSON.parse(one?.json ?? '{}') as { execute?: { aggregate: string } }
    return execute ? [execute.aggregate] : []
  })
}

/** Given these events, which the process manager knows as history: what they led to has been done. */
export function givenProcess<State>(open: typeof openFrom, process: ProcessManager<State>, history: readonly Happened[]): ProcessStory<State> {
  if (!Array.isArray(history)) throw invalidArgument('given', 'a story about a process manager begins with a list of what has happened, which may be empty')
  return new ProcessStory(open, process, [
    async (play) => {
      await play.take(history as readonly Happened[])
      await play.commands()
    },
  ])
}
