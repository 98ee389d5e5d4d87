/** An aggregate as the core calls it: JSON in, JSON out, and what it throws sorted into refusals and bugs. */
import { adaptKeeper } from './adapt-snapshot.js'
import type { Aggregate, AnyAggregate, DecideContext } from './aggregate.js'
import type { AnyCommand } from './command.js'
import type { CoreAggregate } from './core.js'
import { encodeEvents } from './encode.js'
import { asTidelogError, isTidelogError, messageOf, type ErrorCode, type TidelogError } from './errors.js'
import type { AnyEvent, RecordedEvent } from './event.js'
import type { Purity } from './purity.js'
import { classifyThrown } from './refusal.js'
import type { SchemaMap } from './schema.js'

/** The context of a decision as the core gives it. */
interface ContextJson {
  stream: string
  version: number
  now: number
  actor?: string
  replay: boolean
  arrived?: RecordedEvent[]
}

/** An aggregate with its adapter. */
export interface AdaptedAggregate {
  readonly core: CoreAggregate
  /** Runs an execution and, if `decide` threw in it, gives what it threw, which can't cross the core. */
  catching<Answer>(stream: string, command: string, run: () => Promise<Answer>): Promise<Answer>
}

/** Adapts an aggregate. `upcasters` and `warn` are for the snapshots of its states: see `adaptKeeper`. */
export function adaptAggregate(
  aggregate: AnyAggregate,
  purity: Purity,
  upcasters: string,
  warn: (error: TidelogError) => void,
  checkEvents: (map: SchemaMap | undefined, events: unknown) => unknown = (_, events) => events,
): AdaptedAggregate {
  const plain = aggregate as Aggregate<unknown, AnyCommand, AnyEvent>
  const { name, decide, evolve, initialState, policies, schemas, events } = plain
  // What `decide` threw, per execution on its way: two executions of one text on one stream throw the same.
  const executing = new Map<string, { count: number; thrown: unknown }>()
  const keyOf = (stream: string, command: string): string => `${stream}\n${command}`

  const core: CoreAggregate = {
    name,
    policies: JSON.stringify(policies, (_, policy: unknown) => (typeof policy === 'function' ? 'merge' : policy)),
    events: events && [...events],
    keeper: adaptKeeper(plain, purity, upcasters, warn),
    initial: () => failing(() => purity.during(initialState), 'initialState: '),
    evolve(state, events) {
      let next: unknown = state
      for (const event of JSON.parse(events) as RecordedEvent[]) {
        const evolved: unknown = failing(() => purity.during(() => evolve(next, event)), `${event.type}: `, event.version)
        if (evolved === undefined) throw failure(`${event.type}: it returned undefined instead of a state`, event.version)
        next = evolved
      }
      return next
    },
    decide: (command, state, context) => run(command, JSON.parse(context) as ContextJson, (asked, known) => decide(asked, state, known)),
    merge(command, base, theirs, mine, told) {
      const { context, theirs: arrived, mine: decided } = JSON.parse(told) as { context: ContextJson; theirs: RecordedEvent[]; mine: RecordedEvent[] }
      let keeps = false
      const events = run(command, context, (asked, known) => {
        const merge = policies[asked.type]
        if (typeof merge !== 'function') throw new TypeError(`${name} has no merge function for ${asked.type} any more`)
        const merged: unknown = merge({ state: base }, { state: theirs, events: arrived }, { state: mine, events: decided, command: asked }, known)
        keeps = merged === 'keep'
        return keeps ? [] : merged
      })
      return keeps ? undefined : events
    },
  }

  /** Runs a part of the app that answers with events; they become JSON text. */
  function run(command: string, { now, arrived = [], ...known }: ContextJson, call: (command: AnyCommand, context: DecideContext) => unknown): string {
    const context: DecideContext = { ...known, arrived, id: known.stream.slice(name.length + 1), now: new Date(now) }
    try {
      const decided = purity.during(() => call(JSON.parse(command) as AnyCommand, context))
      if (decided === undefined || decided === null) throw new TypeError(`it returned ${String(decided)} instead of events: return [] if nothing happens`)
      if (typeof (decided as PromiseLike<unknown>).then === 'function') throw new TypeError(`it returned a promise: it has to be synchronous`)
      return encodeEvents(checkEvents(schemas.events, decided))
    } catch (thrown) {
      const execution = executing.get(keyOf(known.stream, command))
      if (execution && !known.replay) execution.thrown = thrown
      throw classifyThrown(thrown)
    }
  }

  return {
    core,
    async catching(stream, command, run) {
      const key = keyOf(stream, command)
      const execution = executing.get(key) ?? { count: 0, thrown: undefined }
      executing.set(key, execution)
      execution.count++
      try {
        return await run()
      } catch (failed) {
        const { thrown } = execution
        const error = asTidelogError(failed, thrown)
        if (error.code !== 'decide-failed') throw error
        // Events that can't be recorded say more precisely what is wrong than that `decide` failed.
        throw isTidelogError(thrown) && unrecordable.has(thrown.code) ? thrown : error
      } finally {
        if (--execution.count === 0) executing.delete(key)
      }
    },
  }
}

/** What encoding says about events that can't be recorded. */
const unrecordable = new Set<ErrorCode>(['not-json', 'too-large', 'invalid-argument', 'invalid-event'])

/** Runs a part of the app; what it throws becomes plain data that the core can read. */
export function failing<Answer>(run: () => Answer, before = '', version?: number): Answer {
  try {
    return run()
  } catch (thrown) {
    throw failure(before + messageOf(thrown), version)
  }
}

function failure(message: string, version?: number): { message: string; version?: number } {
  return version === undefined ? { message } : { message, version }
}
