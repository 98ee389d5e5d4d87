import type { AnyAggregate, AnyProjection, RecordedEvent, RowOf, StateOf } from 'tidelog'
import { aggregateOf } from './stream'

/** The rows that a projection has after these events, by key: what the log says of any moment of its past. */
export function foldRows<P extends AnyProjection>(
  projection: P,
  events: Iterable<RecordedEvent>,
  rows: Map<string, RowOf<P>> = new Map<string, RowOf<P>>(),
): Map<string, RowOf<P>> {
  for (const event of events) {
    const handler = projection.on[event.type]
    if (!handler || (projection.from && !projection.from.includes(aggregateOf(event.stream)))) continue
    const key = projection.key(event)
    if (key === null || key === undefined) continue
    const row = handler(rows.get(key) ?? projection.initial(key), event) as RowOf<P> | null
    if (row === null) rows.delete(key)
    else rows.set(key, row)
  }
  return rows
}

/** The state of an aggregate after the events of its stream. */
export function foldState<A extends AnyAggregate>(aggregate: A, events: Iterable<RecordedEvent>): StateOf<A> {
  let state: unknown = aggregate.initialState()
  for (const event of events) state = aggregate.evolve(state, event)
  return state as StateOf<A>
}
