/** Upcasters as the core calls them: the steps as JSON, the functions JSON in and JSON out. */
import { failing } from './adapt-aggregate.js'
import type { CoreUpcaster } from './core.js'
import { encodeJson } from './encode.js'
import type { Purity } from './purity.js'
import type { Step, UpcastEvent, Upcaster, UpcastResult } from './upcaster.js'

/** Adapts an upcaster. */
export function adaptUpcaster({ type, from, into, upcast, downcast }: Upcaster, purity: Purity): CoreUpcaster {
  const shape = (result: UpcastResult, ownType: string, ownVersion?: number): string => {
    const { type: its = ownType, data } = result
    const schemaVersion = result.schemaVersion ?? ownVersion ?? into.find((target) => target.type === its)?.schemaVersion
    const text = data === undefined ? 'null' : encodeJson(data, 'data')
    return `{"type":${JSON.stringify(its)},"schemaVersion":${schemaVersion ?? from + 1},"data":${text}}`
  }
  const rule = { type, from, into: into.map(({ steps, ...target }) => ({ ...target, steps: steps.map(withPairs) })) }
  return {
    rule: encodeJson(rule, `the upcaster of ${type}`),
    functions: (upcast ? 1 : 0) + (downcast ? 2 : 0),
    upcast: (json) =>
      failing(() => {
        const result = purity.during(() => upcast!(JSON.parse(json) as UpcastEvent))
        const results: readonly UpcastResult[] = Array.isArray(result) ? (result as readonly UpcastResult[]) : [result as UpcastResult]
        return `[${results.map((one) => shape(one, into[0]?.type ?? type)).join(',')}]`
      }),
    downcast: (json) =>
      failing(() => {
        const result = purity.during(() => downcast!(JSON.parse(json) as UpcastEvent))
        return result ? shape(result, type, from) : undefined
      }),
  }
}

/** The values of a `map` as pairs. */
function withPairs(step: Step): Step {
  return 'map' in step && !Array.isArray(step.values) ? { ...step, values: Object.entries(step.values) } : step
}
