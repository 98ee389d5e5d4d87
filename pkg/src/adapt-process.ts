/** Process managers as the core calls them: JSON in, JSON out. */
import { failing } from './adapt-aggregate.js'
import type { CoreProcess } from './core.js'
import { encodeJson } from './encode.js'
import type { RecordedEvent } from './event.js'
import type { AnyProcess, ProcessContext, ProcessManager, Reaction } from './process.js'
import type { Purity } from './purity.js'

/** Adapts a process manager. */
export function adaptProcess(process: AnyProcess, purity: Purity): CoreProcess {
  const { name, types = [], on, initialState, correlate, evolve, react, onTimeout } = process as ProcessManager<unknown>
  const pure = <Answer>(place: string, run: () => Answer): Answer => failing(() => purity.during(run), `${place}: `)
  return {
    name,
    types: [...types],
    onPending: on === 'pending',
    correlate: (events) => JSON.stringify((JSON.parse(events) as RecordedEvent[]).map((event) => pure(`correlate ${event.type}`, () => correlation(correlate(event))))),
    advance(state, event, context, reacts) {
      const parsed = JSON.parse(event) as RecordedEvent
      return pure(parsed.type, () => {
        const next = evolve(state === undefined ? initialState() : (JSON.parse(state) as unknown), parsed)
        if (next === undefined) throw new Error('evolve returned undefined instead of a state')
        return `[${encodeJson(next, 'state')},${reacts ? reactions(react(next, parsed, contextOf(context))) : '[]'}]`
      })
    },
    timedOut: (state, timeout, context) => pure(`timeout ${timeout}`, () => reactions(onTimeout?.(JSON.parse(state), timeout, contextOf(context)))),
  }
}

function contextOf(json: string): ProcessContext {
  const { now, ...known } = JSON.parse(json) as { now: number; instance: string; pending: boolean }
  return { ...known, now: new Date(now) }
}

function correlation(given: unknown): unknown {
  if (given === undefined || given === null) return 'ignore'
  const [[kind, id] = [], ...more] = Object.entries(given)
  if (more.length > 0 || !['start', 'continue', 'stop'].includes(kind!) || typeof id !== 'string') throw new Error('it returned neither { start }, { continue }, { stop } with an id nor undefined')
  return given
}

function reactions(given: unknown): string {
  const list: readonly unknown[] = given === undefined || given === null ? [] : Array.isArray(given) ? given : [given]
  return `[${list
    .map((one) => {
      const { json } = (one ?? {}) as Partial<Reaction>
      if (typeof json !== 'string') throw new Error('it returned something other than what the functions of `reaction` make')
      return json
    })
    .join(',')}]`
}
