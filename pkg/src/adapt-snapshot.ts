/** How an aggregate keeps its states, as the core calls it. */
import { failing } from './adapt-aggregate.js'
import type { Aggregate } from './aggregate.js'
import type { AnyCommand } from './command.js'
import type { CoreKeeper } from './core.js'
import { encodeJson } from './encode.js'
import { messageOf, TidelogError } from './errors.js'
import type { AnyEvent } from './event.js'
import type { Purity } from './purity.js'
import { corePolicy } from './snapshot.js'

/** The largest state that is kept, in bytes of JSON: 16 MiB. */
const maxState = 1 << 24

/**
 * Adapts an aggregate's way of keeping its states. `upcasters` is the text of the upcasters, which have their part in every
 * state; `warn` is told
 * once if a state can't be kept.
 */
export function adaptKeeper(aggregate: Aggregate<unknown, AnyCommand, AnyEvent>, purity: Purity, upcasters: string, warn: (error: TidelogError) => void): CoreKeeper {
  const { name, evolve, initialState, events, schemaVersion, snapshot } = aggregate
  const { policy, write = (state: unknown) => state, read = (stored: unknown) => stored } = snapshot
  const stored = (state: unknown): string => encodeJson(purity.during(() => write(state)), 'state', maxState, snapshot.write === undefined)
  let warned = false

  const code = [evolve, write, read].map(String)
  // The text of a bound or built-in function is the same for all of them.
  const hidden = snapshot.fingerprint === undefined && code.some((one) => /\{\s*\[native code\]\s*\}\s*$/.test(one))
  let initial: string
  try {
    initial = stored(purity.during(initialState))
  } catch {
    initial = String(initialState)
  }
  const derived = [initial, ...code, JSON.stringify(events), upcasters]

  return {
    ...(policy === undefined ? {} : { policy: JSON.stringify(corePolicy(policy, 'snapshot.policy')) }),
    fingerprint: JSON.stringify([name, schemaVersion, ...(snapshot.fingerprint === undefined ? derived : [snapshot.fingerprint])]),
    write: (state) =>
      failing(() => {
        try {
          if (hidden) throw new Error('the code of evolve can’t be looked at: give the aggregate a snapshot.fingerprint')
          return stored(state)
        } catch (thrown) {
          const hint = snapshot.write || hidden ? '' : '; give the aggregate snapshot: { write, read }'
          const reason = `${messageOf(thrown)}${hint}`
          if (!warned) warn(new TidelogError('unkeepable-state', `a state of ${name} can't be kept as a snapshot: ${reason}`, { aggregate: name }))
          warned = true
          throw new Error(reason, { cause: thrown })
        }
      }),
    read: (json) =>
      failing(() => {
        const state: unknown = purity.during(() => read(JSON.parse(json)))
        if (state === undefined) throw new Error('`read` returned undefined instead of a state')
        return state
      }),
  }
}
