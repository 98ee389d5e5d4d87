/** Projections as the core calls them: JSON in, JSON out. */
import type { CoreDefinition, CoreProjection } from './core.js'
import { encodeJson } from './encode.js'
import { messageOf } from './errors.js'
import type { RecordedEvent } from './event.js'
import type { AnyProjection, Projection } from './projection.js'
import type { Purity } from './purity.js'

/** The largest row, in bytes of JSON. */
const maxRow = 16 << 20
/** The longest key of a row, in characters. */
const maxKey = 512

/** Adapts a projection: a batch of events becomes the rows that they change. */
export function adaptProjection(projection: AnyProjection, purity: Purity): CoreProjection {
  const { name, initial, key: keyOf, on, from = [], kept } = projection as Projection<unknown>
  const definition: CoreDefinition = { name, types: Object.keys(on), from, ...kept! }
  return {
    definition: JSON.stringify(definition),
    project(events, stored) {
      const rows = new Map<string, { row: unknown; event: number }>()
      ;(JSON.parse(events) as RecordedEvent[]).forEach((event, index) => {
        const handler = Object.hasOwn(on, event.type) ? on[event.type] : undefined
        if (!handler) return
        failingAt(index, `event ${event.version} of ${event.stream} (${event.type}): `, () =>
          purity.during(() => {
            const key = keyOf(event)
            if (key === null || key === undefined) return
            if (typeof key !== 'string' || key === '' || key.length > maxKey) throw new Error(`a key is a string of 1 to ${maxKey} characters`)
            let row = rows.get(key)?.row
            if (!rows.has(key)) {
              const text = stored(key)
              if (text !== undefined) row = JSON.parse(text)
            }
            const next: unknown = handler(row ?? initial(key), event)
            if (next === undefined) throw new Error('it returned undefined: return the row, or null to delete it')
            rows.set(key, { row: next, event: index })
          }),
        )
      })
      const changed = [...rows].map(([key, { row, event }]) => {
        const text = row === null ? 'null' : failingAt(event, '', () => encodeJson(row, `row ${key}`, maxRow))
        return `[${JSON.stringify(key)},${text}]`
      })
      return `[${changed.join(',')}]`
    },
  }
}

/** Runs a part of the app; what it throws becomes plain data that the core can read. */
function failingAt<Answer>(event: number, before: string, run: () => Answer): Answer {
  try {
    return run()
  } catch (thrown) {
    throw { message: before + messageOf(thrown), event }
  }
}
