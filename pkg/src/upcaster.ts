/** Upcasters: how events of older shapes are read as the newest, and back. They run where events are decoded, on every path. */
import { invalidArgument } from './errors.js'

/** An event as an upcaster sees it. */
export interface UpcastEvent {
  /** Its type. */
  readonly type: string
  /** The version of the shape of `data`. */
  readonly schemaVersion: number
  /** The fact in that shape. */
  readonly data: unknown
}

/** What an upcaster's function returns. */
export interface UpcastResult {
  /** Its type. Default: the one that the upcaster leads to. */
  readonly type?: string
  /** The version of its shape. Default: the one that the upcaster leads to. */
  readonly schemaVersion?: number
  /** The fact in that shape. */
  readonly data: unknown
}

/**
 * One change of an event's data, run in the core without a call into JavaScript. Paths are keys with dots between them, `*` for
 * every element of an array, and empty for the whole data; a dot that belongs to a key is written `\\.`. Where a path leads to
 * nothing, nothing is done, except that `add` and `set` make the objects on their way. The values are what JSON can hold.
 */
export type Step =
  /** A property, where there is none. Going back it is removed. */
  | { readonly add: string; readonly value: unknown }
  /** No such property any more. Going back it gets `restore`; without it there is no way back. */
  | { readonly remove: string; readonly restore?: unknown }
  /** Another key in the same object. */
  | { readonly rename: string; readonly to: string }
  /** Another place. Missing objects are made there; where it stood no empty object is left behind. */
  | { readonly move: string; readonly to: string }
  /** This value, whatever was there. Going back it is set to `restore`; without it there is no way back. */
  | { readonly set: string; readonly value: unknown; readonly restore?: unknown }
  /** Another value for each of those listed; any other becomes `otherwise`, or stays. There is a way back if no two become one. */
  | { readonly map: string; readonly values: Readonly<Record<string, unknown>> | readonly (readonly [unknown, unknown])[]; readonly otherwise?: unknown }
  /** An object that holds the value under `key`. */
  | { readonly wrap: string; readonly key: string }
  /** What the object holds under `key`, which must be all that it holds. */
  | { readonly unwrap: string; readonly key: string }

/** What an upcaster leads to. */
export interface Target {
  /** The type. */
  readonly type: string
  /** The schema version. Default: `from + 1` for the same type, 1 for another. */
  readonly schemaVersion?: number
  /** How the data is made from that of the older shape. Default: the `steps` of the upcaster. */
  readonly steps?: readonly Step[]
}

/** What `upcaster()` takes. */
export interface UpcasterDefinition {
  /** The type of event that it reads. */
  readonly type: string
  /** The schema version that it reads, from 1. */
  readonly from: number
  /**
   * What it leads to. Default: the next version of the same type. Another type renames it, or merges it into that type; several split
   * it into events that share its id and version; an empty array drops it.
   */
  readonly into?: string | Target | readonly (string | Target)[]
  /** How the data changes. */
  readonly steps?: readonly Step[]
  /** How it changes, where steps don't do: a pure and synchronous function. What it returns must be among what `into` names. */
  readonly upcast?: (event: UpcastEvent) => UpcastResult | readonly UpcastResult[]
  /** The way back to the older shape, for a function: pure and synchronous; null if the event did not come from there. */
  readonly downcast?: (event: UpcastEvent) => UpcastResult | null | undefined
}

/** An upcaster, made by `upcaster()`. */
export interface Upcaster extends Pick<UpcasterDefinition, 'type' | 'from' | 'upcast' | 'downcast'> {
  /** What it leads to. */
  readonly into: readonly Required<Target>[]
}

/**
 * Defines an upcaster. By steps there is a way back wherever nothing is lost.
 *
 * ```ts
 * upcaster({ type: 'LearnerRegistered', from: 1, steps: [{ rename: 'mail', to: 'email' }, { add: 'locale', value: 'en' }] })
 * upcaster({ type: 'LessonDone', from: 1, into: { type: 'LessonCompleted', schemaVersion: 2 }, steps: [{ rename: 'unit', to: 'lesson' }] })
 * upcaster({ type: 'PageOpened', from: 1, into: [] })
 * upcaster({ type: 'LearnerRegistered', from: 2, upcast: ({ data }) => ({ data: parseName(data) }) })
 * ```
 *
 * @throws {TidelogError} `invalid-argument` if a part is missing. Whether all upcasters fit together, `open()` checks:
 * `invalid-upcasters`.
 */
export function upcaster(definition: UpcasterDefinition): Upcaster {
  const { type, from, into, steps = [], upcast, downcast } = definition
  if (typeof type !== 'string' || type === '') throw invalidArgument('type', 'an upcaster needs the type of the events it reads')
  if (!Number.isSafeInteger(from) || from < 1) throw invalidArgument('from', `the schema version an upcaster reads is an integer from 1, not ${String(from)}`)
  if (into === undefined && definition.steps === undefined && upcast === undefined) {
    throw invalidArgument('upcast', `the upcaster of ${type} needs \`steps\`, a function \`upcast\`, or \`into\``)
  }
  for (const [part, value] of Object.entries({ upcast, downcast })) {
    if (value !== undefined && typeof value !== 'function') throw invalidArgument(part, `\`${part}\` of the upcaster of ${type} is a function`)
  }
  const targets = into === undefined ? [type] : Array.isArray(into) ? (into as readonly (string | Target)[]) : [into as string | Target]
  return Object.freeze({
    type,
    from,
    into: targets.map((target) => {
      const one = typeof target === 'string' ? { type: target } : target
      return { schemaVersion: one.type === type ? from + 1 : 1, steps, ...one }
    }),
    ...(upcast && { upcast }),
    ...(downcast && { downcast }),
  })
}
