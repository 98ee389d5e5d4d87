/** Projections as the core calls them: JSON in, JSON out. */
import { failing } from './adapt-aggregate.js'
import type { CoreProjection } from './core.js'
import { encodeJson } from './encode.js'
import type { RecordedEvent } from './event.js'
import type { AnyProjection, Projection } from './projection.js'
import type { Purity } from './purity.js'

/** The largest row, in bytes of JSON. */
const maxRow = 16 << 20
/** The longest key of a row, in characters. */
const maxKey = 512

/** Adapts a projection: a batch of events becomes the rows that they change. */
export function adaptProjection(projection: AnyProjection, purity: Purity): CoreProjection {
  const { name, initial, key: keyOf, on, from } = projection as Projection<unknown>
  const sources = from && new Set(from)
  return {
    name,
    types: Object.keys(on),
    project(events, stored) {
      const rows = new Map<string, unknown>()
      for (const event of JSON.parse(events) as RecordedEvent[]) {
        const handler = Object.hasOwn(on, event.type) ? on[event.type] : undefined
        if (!handler || (sources && !sources.has(event.stream.slice(0, event.stream.indexOf('-'))))) continue
        failing(
          () => purity.during(() => {
            const key = keyOf(event)
            if (key === null || key === undefined) return
            if (typeof key !== 'string' || key === '' || key.length > maxKey) throw new Error(`a key is a string of 1 to ${maxKey} characters`)
            let row = rows.get(key)
            if (!rows.has(key)) {
              const text = stored(key)
              if (text !== undefined) row = JSON.parse(text)
            }
            const next: unknown = handler(row ?? initial(key), event)
            if (next === undefined) throw new Error('it returned undefined: return the row, or null to delete it')
            rows.set(key, next)
          }),
          `event ${event.version} of ${event.stream} (${event.type}): `,
        )
      }
      const changed = [...rows].map(([key, row]) => {
        const text = row === null ? 'null' : failing(() => encodeJson(row, `row ${key}`, maxRow))
        return `[${JSON.stringify(key)},${text}]`
      })
      return `[${changed.join(',')}]`
    },
  }
}
