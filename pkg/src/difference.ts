/** What changed between two moments: which fields, from what to what, and by which events. */
import type { AnyAggregate } from './aggregate.js'
import { encodeJson, integer, text } from './encode.js'
import type { AnyEvent, RecordedEvent } from './event.js'
import { coreMoment, type Moment } from './moment.js'
import type { AnyProjection } from './projection.js'
import type { Session } from './session.js'

/** A field that is not what it was. */
export interface FieldChange {
  /**
   * Where it stands: a JSON Pointer (RFC 6901), such as `/lessons/2`; empty for the whole. Of an element that was removed from a
   * list it names the place in the list before, otherwise the place in the list after.
   */
  readonly path: string
  /** What it was; undefined if it was not there. */
  readonly before?: unknown
  /** What it is; undefined if it is gone. */
  readonly after?: unknown
}

/** Between which moments. */
export interface DifferenceOptions {
  /** The first moment. */
  readonly from: Moment
  /** The second moment; it may be the earlier one. Default: now. */
  readonly to?: Moment
  /** The most events to name, from 0 to 10,000; all are counted. Default 500. */
  readonly limit?: number
}

/** What became of one thing between two moments. */
export interface Difference<Value, Event extends AnyEvent = AnyEvent> {
  /** How it was; undefined if there was none. */
  readonly before: Value | undefined
  /** How it is; undefined if there is none. */
  readonly after: Value | undefined
  /** The fields that differ. */
  readonly changes: readonly FieldChange[]
  /** The events that made the difference, in their order, at most `limit`. */
  readonly events: readonly RecordedEvent<Event>[]
  /** How many such events there are. */
  readonly total: number
}

/** What became of the rows of a projection between two moments. */
export interface RowsDifference<Row> {
  /** The rows that differ, sorted by key. */
  readonly rows: readonly (Pick<Difference<Row>, 'before' | 'after' | 'changes'> & { readonly key: string })[]
  /** The events between the two, of the types that the projection looks at, in their order, at most `limit`. */
  readonly events: readonly RecordedEvent[]
  /** How many such events there are. */
  readonly total: number
}

const mostEvents = 500

/** What became of rows. */
export async function rowsDifference(
  session: Session,
  projection: AnyProjection,
  key: string | undefined,
  { from, to, limit = mostEvents }: DifferenceOptions,
): Promise<RowsDifference<unknown>> {
  const [first, second] = [coreMoment(from, 'position', 'from'), coreMoment(to, 'position', 'to')]
  const most = integer(limit, 0, 10_000, 'limit')
  return JSON.parse(await session.call(() => session.core.rowsDifference(projection.name, key, first, second, most))) as RowsDifference<unknown>
}

/** What became of an aggregate's instance. Its states must be what JSON can hold. */
export async function stateDifference(
  session: Session,
  aggregate: AnyAggregate,
  id: string,
  { from, to, limit = mostEvents }: DifferenceOptions,
): Promise<Difference<unknown>> {
  const load = (moment: Moment | undefined, argument: string): Promise<[unknown, number]> => {
    const at = coreMoment(moment, 'version', argument)
    return session.call(() => session.core.load(aggregate.name, text(id, 'id'), at))
  }
  const most = integer(limit, 0, 10_000, 'limit')
  const [[before, first], [after, last]] = await Promise.all([load(from, 'from'), load(to, 'to')])
  const [low, high] = [Math.min(first, last), Math.max(first, last)]
  const events: RecordedEvent[] = []
  let next: string | null | undefined
  while (events.length < Math.min(most, high - low) && next !== null) {
    const place = next === undefined ? { afterVersion: low } : { after: next }
    const query = JSON.stringify({ stream: `${aggregate.name}-${id}`, ...place, limit: Math.min(most, high - low) - events.length })
    const page = JSON.parse(await session.call(() => session.core.read(query))) as { events: RecordedEvent[]; next: string | null }
    events.push(...page.events.filter(({ version }) => version <= high))
    next = page.next
  }
  const texts = [before, after].map((state) => encodeJson(state, 'state', Infinity)) as [string, string]
  const changes = JSON.parse(session.now(() => session.core.fieldChanges(...texts))) as FieldChange[]
  return { before, after, changes, events, total: high - low }
}
