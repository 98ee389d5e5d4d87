/** Projections: rows by key, made from events, confirmed and pending alike. */
import { checkName, type AnyAggregate, type EventOf } from './aggregate.js'
import { invalidArgument } from './errors.js'
import type { AnyEvent, RecordedEvent } from './event.js'

/** What changes a row, per type of event: it returns the new row, or null to delete it. Pure and synchronous. */
export type Handlers<Row, Event extends AnyEvent> = {
  readonly [Type in Event['type']]?: (row: Row, event: RecordedEvent<Extract<Event, { readonly type: Type }>>) => NoInfer<Row> | null
}

/** What `projection()` takes. */
export interface ProjectionDefinition<Row, Event extends AnyEvent> {
  /** The projection's name. At most 256 bytes, no control characters. */
  readonly name: string
  /** The row that a key starts with, or a function that makes it from the key. It is not stored until an event changes it. */
  readonly initial: Row | ((key: string) => Row)
  /** The key of the row that an event belongs to: from 1 to 512 characters; null or undefined if it belongs to none. */
  readonly key: (event: RecordedEvent<Event>) => string | null | undefined
  /** The handlers. Events of other types are not looked at. */
  readonly on: Handlers<Row, Event>
}

/** What `projection()` takes if the events come from aggregates. */
export interface AggregateProjectionDefinition<Row, Sources extends readonly AnyAggregate[]>
  extends Omit<ProjectionDefinition<Row, EventOf<Sources[number]>>, 'key'> {
  /** The aggregates whose events are looked at; they also give the types of the events. */
  readonly from: Sources
  /** The key of the row that an event belongs to: from 1 to 512 characters; null or undefined if it belongs to none. */
  readonly key: (event: RecordedEvent<EventOf<Sources[number]>>) => string | null | undefined
}

/** A projection, made by `projection()`. */
export interface Projection<Row> {
  /** The projection's name. */
  readonly name: string
  /** Makes the row that a key starts with. */
  readonly initial: (key: string) => Row
  /** The names of the aggregates whose events are looked at; undefined means all. */
  readonly from: readonly string[] | undefined
  /** The key of the row that an event belongs to. */
  readonly key: (event: RecordedEvent) => string | null | undefined
  /** The handlers by type of event. */
  readonly on: Readonly<Record<string, (row: Row, event: RecordedEvent) => Row | null>>
}

/** Any projection, whatever its rows. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- functions of any parameters accept no narrower type
export type AnyProjection = Projection<any>

/** The rows of a projection. */
export type RowOf<P extends AnyProjection> = ReturnType<P['initial']>

/** All rows of a projection, sorted by key. */
export type Rows<Row> = readonly (readonly [key: string, row: Row])[]

/**
 * Defines a projection. The types of the events come from the aggregates in `from`, or from the parameter of `key`.
 *
 * ```ts
 * const progress = projection({
 *   name: 'progress',
 *   from: [course],
 *   initial: { done: 0 },
 *   key: (event) => event.metadata.actor,
 *   on: { LessonCompleted: (row) => ({ done: row.done + 1 }) },
 * })
 * ```
 *
 * @throws {TidelogError} `invalid-argument` if a part is missing or no handler is there.
 */
export function projection<Row, const Sources extends readonly AnyAggregate[]>(
  definition: AggregateProjectionDefinition<Row, Sources>,
): Projection<Row>
export function projection<Row, Event extends AnyEvent>(definition: ProjectionDefinition<Row, Event>): Projection<Row>
export function projection<Row>(
  definition: ProjectionDefinition<Row, AnyEvent> & { readonly from?: readonly AnyAggregate[] },
): Projection<Row> {
  const { name, initial, key, on, from } = definition
  checkName('projection', name)
  if (typeof key !== 'function') throw invalidArgument('key', `projection ${name} needs a function \`key\``)
  const handlers = Object.entries(on ?? {})
  if (handlers.length === 0 || handlers.some(([, handler]) => typeof handler !== 'function')) {
    throw invalidArgument('on', `projection ${name} needs a function for each type of event in \`on\`, and at least one`)
  }
  return Object.freeze({
    name,
    initial: typeof initial === 'function' ? (initial as (key: string) => Row) : () => initial,
    key,
    on: Object.fromEntries(handlers) as Projection<Row>['on'],
    from: from?.map((source) => source.name),
  })
}
