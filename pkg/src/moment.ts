/** Moments in the past, as the app names them and as the core takes them. */
import { integer, millis } from './encode.js'
import { invalidArgument } from './errors.js'
import type { EventRecord } from './event.js'

/** An event, as a reader has it: what is needed to find it again. */
export type PastEvent = Pick<EventRecord, 'commitId' | 'version' | 'position'>

/**
 * A moment in the past:
 * - a `Date`: what had happened by then;
 * - `{ knownAt: Date }`: what was known by then. A confirmed event counts from the moment the server recorded it, whenever it
 *   occurred; a pending one from when it occurred, as only this device knows it;
 * - a recorded event: right after it, pending ones too;
 * - a number: after so many events of an aggregate's instance; for a projection, after this position of the log.
 */
export type Moment = Date | number | PastEvent | { readonly knownAt: Date }

/** Which moment is asked for. */
export interface MomentOptions {
  /** As it was then. Default: now, pending events included. */
  readonly at?: Moment
  /** As it was known then: the same as `at: { knownAt }`. Not together with `at`. */
  readonly knownAt?: Date
}

/** The moment of these options, as JSON for the core. */
export function momentOf({ at, knownAt }: MomentOptions, number: 'version' | 'position'): string {
  if (at !== undefined && knownAt !== undefined) throw invalidArgument('knownAt', 'at and knownAt are two questions: ask one')
  return coreMoment(knownAt === undefined ? at : { knownAt }, number, 'at')
}

/** A moment, as JSON for the core. */
export function coreMoment(moment: Moment | undefined, number: 'version' | 'position', argument: string): string {
  return JSON.stringify(inCoreTerms(moment, number, argument))
}

function inCoreTerms(moment: Moment | undefined, number: 'version' | 'position', argument: string): object {
  if (moment === undefined) return {}
  if (moment instanceof Date) return { time: millis(moment, argument) }
  if (typeof moment === 'object' && moment !== null) {
    if ('knownAt' in moment) {
      if (!(moment.knownAt instanceof Date)) throw invalidArgument('knownAt', 'knownAt is a Date')
      return { known: millis(moment.knownAt, 'knownAt') }
    }
    const { position, commitId: commit, version } = moment
    if (typeof position === 'number') return { position }
    if (typeof commit === 'string' && typeof version === 'number') return { commit, version }
    throw invalidArgument(argument, `${argument} is a Date, a ${number}, a recorded event or { knownAt: Date }`)
  }
  return { [number]: integer(moment, 0, Number.MAX_SAFE_INTEGER, argument) }
}
