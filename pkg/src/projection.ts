/** Projections: rows by key, made from events, confirmed and pending alike. */
import { checkName, type AnyAggregate, type EventOf } from './aggregate.js'
import type { CoreDefinition } from './core.js'
import { integer, text } from './encode.js'
import { invalidArgument } from './errors.js'
import type { AnyEvent, RecordedEvent } from './event.js'
import type { KeepLiterals } from './literals.js'
import type { FieldOf } from './row-query.js'

/** What changes a row, per type of event: it returns the new row, or null to delete it. Pure and synchronous. */
export type Handlers<Row, Event extends AnyEvent, Literal = string> = {
  readonly [Type in Event['type']]?: (row: Row, event: RecordedEvent<Extract<Event, { readonly type: Type }>>) => NoInfer<Row> | null | KeepLiterals<Literal>
}

/** What becomes of an event that a projection can't take in. */
export type OnProjectionError =
  /** Its stream is parked: the event and the later ones of its stream wait in the dead-letter list; other streams go on. The default. */
  | 'park'
  /** It is passed over and counted; its stream goes on. */
  | 'skip'
  /** The projection stops before it, until the log is opened again or the projection is rebuilt. */
  | 'stop'

/** How a projection is kept. */
export interface ProjectionOptions<Row> {
  /** The version of its functions, from 1. Raise it when they change: then the rows are made anew beside the old ones. Default 1. */
  readonly version?: number
  /**
   * A text that differs where the functions differ: another one makes the rows anew, as another version does. Default: the source of the
   * functions. It sees no change in what they call; raise the version then.
   */
  readonly fingerprint?: string
  /** The fields of rows that queries find by an index, which takes memory: about 100 bytes a row. Default: none. */
  readonly indexes?: readonly FieldOf<NoInfer<Row>>[]
  /**
   * When the rows follow the log. `immediate`: before `execute` resolves in the tab that called it. `background` (default): soon after;
   * a read brings them up first. `batch`: only by `waitFor`, or once `every` so many events have come; a read shows them as they are.
   */
  readonly kind?: 'immediate' | 'background' | 'batch'
  /** For the kind `batch`: follow by itself once it is so many events behind. Default: never. */
  readonly every?: number
  /**
   * What becomes of an event that a function throws at, or that no upcaster can read. With `retries` (at most 10) it is tried again
   * first, after 250 ms and twice as long each time up to 30 s. Default `park`, without retries.
   */
  readonly onError?: OnProjectionError | { readonly retries: number; readonly then: OnProjectionError }
}

/** What `projection()` takes. */
export interface ProjectionDefinition<Row, Event extends AnyEvent, Literal = string> extends ProjectionOptions<Row> {
  /** The projection's name. At most 256 bytes, no control characters. */
  readonly name: string
  /** The row that a key starts with, or a function that makes it from the key. It is not stored until an event changes it. */
  readonly initial: Row | ((key: string) => Row)
  /** The key of the row that an event belongs to: from 1 to 512 characters; null or undefined if it belongs to none. */
  readonly key: (event: RecordedEvent<Event>) => string | null | undefined
  /** The handlers. Events of other types are not looked at. */
  readonly on: Handlers<Row, Event, Literal>
}

/** What `projection()` takes if the events come from aggregates. */
export interface AggregateProjectionDefinition<Row, Sources extends readonly AnyAggregate[], Literal = string>
  extends Omit<ProjectionDefinition<Row, EventOf<Sources[number]>, Literal>, 'key'> {
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
  /** How it is kept, as the core takes it; undefined where the core knows it by itself. */
  readonly kept: Omit<CoreDefinition, 'name' | 'types' | 'from'> | undefined
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
export function projection<Row, const Sources extends readonly AnyAggregate[], Literal extends string | number = string>(
  definition: AggregateProjectionDefinition<Row, Sources, Literal>,
): Projection<Row>
export function projection<Row, Event extends AnyEvent, Literal extends string | number = string>(
  definition: ProjectionDefinition<Row, Event, Literal>,
): Projection<Row>
export function projection<Row>(
  definition: ProjectionDefinition<Row, AnyEvent> & { readonly from?: readonly AnyAggregate[] },
): Projection<Row> {
  const { name, initial, key, on, from, version = 1, indexes = [], kind = 'background', every, onError = 'park' } = definition
  checkName('projection', name)
  if (typeof key !== 'function') throw invalidArgument('key', `projection ${name} needs a function \`key\``)
  const handlers = Object.entries(on ?? {})
  if (handlers.length === 0 || handlers.some(([, handler]) => typeof handler !== 'function')) {
    throw invalidArgument('on', `projection ${name} needs a function for each type of event in \`on\`, and at least one`)
  }
  const given = typeof onError === 'object' ? onError : { retries: 0, then: onError }
  if (!Array.isArray(indexes)) throw invalidArgument('indexes', 'indexes is an array of names of fields')
  return Object.freeze({
    name,
    kept: {
      version: integer(version, 1, 2 ** 32 - 1, 'version'),
      fingerprint: definition.fingerprint ?? [key, typeof initial === 'function' ? initial : JSON.stringify(initial), ...handlers.flat()].map(String).join('\n'),
      indexes: indexes.map((field) => text(field, 'indexes')),
      kind: choice(kind, ['immediate', 'background', 'batch'], 'kind'),
      ...(every === undefined ? {} : { every: integer(every, 1, Number.MAX_SAFE_INTEGER, 'every') }),
      retries: integer(given.retries, 0, 10, 'onError.retries'),
      then: choice(given.then, ['park', 'skip', 'stop'], 'onError'),
    },
    initial: typeof initial === 'function' ? (initial as (key: string) => Row) : () => initial,
    key,
    on: Object.fromEntries(handlers) as Projection<Row>['on'],
    from: from?.map((source) => source.name),
  })
}

function choice<Choice extends string>(value: Choice, choices: readonly Choice[], argument: string): Choice {
  if (!choices.includes(value)) throw invalidArgument(argument, `${argument} is one of ${choices.join(', ')}`)
  return value
}
