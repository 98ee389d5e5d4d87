/** Upcasters: how events of an older shape are read as the newest. They run where events are decoded, on every path. */
import { invalidArgument } from './errors.js'

/** An event as an upcaster sees it. */
export interface UpcastEvent {
  /** Its type; a step may rename it. */
  readonly type: string
  /** The version of the shape of `data`; the step returns a higher one. */
  readonly schemaVersion: number
  /** The fact in that shape. */
  readonly data: unknown
}

/** One step: from one schema version of one type to a higher one. */
export interface Upcaster {
  /** The type of event that it reads. */
  readonly type: string
  /** The schema version that it reads, from 1. */
  readonly from: number
  /**
   * The event in a newer shape; several if it was split; none if it means nothing any more. Pure and synchronous. Where the
   * schema version is left out, it is `from + 1`.
   */
  readonly upcast: (event: UpcastEvent) => UpcastResult | readonly UpcastResult[]
}

/** What an upcaster returns. */
export interface UpcastResult {
  /** Its type. Default: as it was. */
  readonly type?: string
  /** The version of the new shape. Default: `from + 1`. */
  readonly schemaVersion?: number
  /** The fact in the new shape. */
  readonly data: unknown
}

/**
 * Defines an upcaster.
 *
 * ```ts
 * const splitName = upcaster({ type: 'LearnerRegistered', from: 1, upcast: ({ data }) => ({ data: rename(data) }) })
 * ```
 *
 * @throws {TidelogError} `invalid-argument` if a part is missing or `from` is no integer from 1.
 */
export function upcaster(definition: Upcaster): Upcaster {
  const { type, from, upcast } = definition
  if (typeof type !== 'string' || type === '') throw invalidArgument('type', 'an upcaster needs the type of the events it reads')
  if (!Number.isSafeInteger(from) || from < 1) throw invalidArgument('from', `the schema version an upcaster reads is an integer from 1, not ${String(from)}`)
  if (typeof upcast !== 'function') throw invalidArgument('upcast', `the upcaster of ${type} needs a function \`upcast\``)
  return Object.freeze({ type, from, upcast })
}
