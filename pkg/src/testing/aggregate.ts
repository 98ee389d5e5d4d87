/** Stories about one aggregate. */
import type { Aggregate, DecideContext } from '../aggregate.js'
import type { AnyCommand } from '../command.js'
import type { AnyEvent, EventExtras, RecordedEvent } from '../event.js'
import { classifyThrown } from '../refusal.js'
import { ExpectationError, same, show } from './difference.js'
import { encoded, happened, recorded, start } from './happened.js'

/** What an aggregate is given. */
export interface GivenAggregate<State, Command extends AnyCommand, Event extends AnyEvent> {
  /** The moment of the decision. Default 2026-01-01T00:00:00Z. */
  at(now: Date): GivenAggregate<State, Command, Event>
  /** On whose behalf the command comes. Default nobody's. */
  by(actor: string): GivenAggregate<State, Command, Event>
  /** The id of the aggregate's instance. Default `1`. */
  of(id: string): GivenAggregate<State, Command, Event>
  /** A command comes. */
  when(command: NoInfer<Command>): WhenDecided<State, Event>
  /** The state is this. */
  thenState(state: NoInfer<State>): GivenAggregate<State, Command, Event>
}

/** What a command led to. Each method throws, with the difference, if it is not so. */
export interface WhenDecided<State, Event extends AnyEvent> {
  /** These events were decided, one or several. */
  then(events: (NoInfer<Event> & EventExtras) | readonly (NoInfer<Event> & EventExtras)[]): Decided<State>
  /** Nothing happened. */
  thenNothing(): Decided<State>
  /** A rule refused it: with this code, or this message, or a message like this. */
  thenRefused(expected?: string | RegExp): void
  /** The state after what was decided is this. */
  thenState(state: NoInfer<State>): Decided<State>
}

/** What was decided is as expected; there may be more to say. */
export interface Decided<State> {
  /** The state after what was decided is this. */
  thenState(state: NoInfer<State>): Decided<State>
}

/** What stands around a decision. */
interface Setting {
  readonly now: Date
  readonly id: string
  readonly actor?: string
}

/** Given these events of an aggregate. */
export function givenAggregate<State, Command extends AnyCommand, Event extends AnyEvent>(
  aggregate: Aggregate<State, Command, Event>,
  events: readonly (Event & EventExtras)[],
  setting: Setting = { now: new Date(start), id: '1' },
): GivenAggregate<State, Command, Event> {
  const { id, now, actor } = setting
  const stream = `${aggregate.name}-${id}`
  const again = (changed: Partial<Setting>): GivenAggregate<State, Command, Event> => givenAggregate(aggregate, events, { ...setting, ...changed })
  const stateAfter = (more: readonly AnyEvent[]): State => {
    const past = recorded([happened(stream, ...events, ...more)]) as RecordedEvent<Event>[]
    return past.reduce((state, event) => frozen(aggregate.evolve(state, frozen(event))), frozen(aggregate.initialState()))
  }
  const given: GivenAggregate<State, Command, Event> = {
    at: (moment) => again({ now: moment }),
    by: (name) => again({ actor: name }),
    of: (instance) => again({ id: instance }),
    when(command) {
      const context: DecideContext = { now, stream, id, version: events.length, replay: false, arrived: [], ...(actor === undefined ? {} : { actor }) }
      return whenDecided(() => encoded(aggregate.decide(frozen(command), stateAfter([]), context)), stateAfter)
    },
    thenState(expected) {
      same('the states', expected, stateAfter([]))
      return given
    },
  }
  return given
}

function whenDecided<State, Event extends AnyEvent>(decide: () => AnyEvent[], stateAfter: (more: readonly AnyEvent[]) => State): WhenDecided<State, Event> {
  let answer: { events: AnyEvent[] } | { thrown: unknown }
  try {
    answer = { events: decide() }
  } catch (thrown) {
    answer = { thrown }
  }
  const events = (): AnyEvent[] => {
    if ('events' in answer) return answer.events
    const { domain, code, message } = classifyThrown(answer.thrown)
    if (!domain) throw answer.thrown
    throw new ExpectationError(`the command was refused: ${message}${code === undefined ? '' : ` (${code})`}`)
  }
  const decided: Decided<State> = {
    thenState(expected) {
      same('the states', expected, stateAfter(events()))
      return decided
    },
  }
  return {
    then(expected) {
      if (typeof expected === 'function') throw new ExpectationError('then() takes the events that are expected: a story about an aggregate needs no await')
      same('the events', encoded(expected), events())
      return decided
    },
    thenNothing() {
      same('the events', [], events())
      return decided
    },
    thenRefused(expected) {
      if ('events' in answer) throw new ExpectationError(`the command was to be refused, but it decided ${show(answer.events)}`)
      const { domain, code, message } = classifyThrown(answer.thrown)
      if (!domain) throw answer.thrown
      const fits = expected === undefined || (typeof expected === 'string' ? expected === code || expected === message : expected.test(message))
      if (!fits) throw new ExpectationError(`the refusals differ:\n- expected\n+ actual\n- ${String(expected)}\n+ ${message} (${code ?? 'no code'})`, expected, code ?? message)
    },
    thenState: (expected) => decided.thenState(expected),
  }
}

/** Frozen all through, as far as it is made of plain objects and arrays: a function that changes what it was given throws. */
export function frozen<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  const prototype: unknown = Object.getPrototypeOf(value)
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return value
  Object.freeze(value)
  for (const part of Object.values(value)) frozen(part)
  return value
}
