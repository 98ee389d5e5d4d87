/** Reading the log: pages under the hood, events one by one for the reader. */
import { integer, isUuid, millis, text } from './encode.js'
import { invalidArgument } from './errors.js'
import type { DecideContext } from './aggregate.js'
import type { AnyEvent, RecordedEvent } from './event.js'

/** Any aggregate that decides such events. */
export interface Deciding<Event extends AnyEvent> {
  /** The aggregate's name. */
  readonly name: string
  /** Its function `decide`, for the types of its events. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- functions of any parameters accept no narrower type
  readonly decide: (command: any, state: any, context: DecideContext) => Event | readonly Event[]
}

/** Which events to read, and in which order. */
export interface ReadQuery<Event extends AnyEvent = AnyEvent, Type extends Event['type'] = Event['type']> {
  /** Only this stream. */
  readonly stream?: string
  /** Only streams of this aggregate, by itself or by name. */
  readonly aggregate?: string | Deciding<Event>
  /** Only events of these types. */
  readonly types?: readonly Type[]
  /** Only the chain of messages with this correlation id, a UUID: what a command led to, and what that led to. */
  readonly correlationId?: string
  /** Only from this one on, itself included: a version where `stream` is given, a position otherwise. */
  readonly first?: number
  /** Only up to this one, itself included. Pending events have no position yet: they come after every one. */
  readonly last?: number
  /** Only what comes after, in the order of reading: a version where `stream` is given, a position otherwise, or the `next` of a page. */
  readonly after?: number | string
  /** Only events that happened at this moment or later: a `Date` or milliseconds since 1970. */
  readonly from?: Date | number
  /** Only events that happened before this moment. */
  readonly to?: Date | number
  /** At most so many events. Default: all. */
  readonly limit?: number
  /** Latest first. Default false. */
  readonly backwards?: boolean
  /** Only confirmed events. Default false. */
  readonly confirmedOnly?: boolean
  /** The schema version that is wanted of a type, for an older app or a report written for it. Default: the newest of each. */
  readonly as?: Readonly<Record<string, number>>
}

/** Those of the events that are of such types. */
export type OfType<Event extends AnyEvent, Type extends Event['type']> = string extends Event['type'] ? Event & AnyEvent<Type> : Extract<Event, AnyEvent<Type>>

/** A page of events. */
export interface EventPage<Event extends AnyEvent = AnyEvent> {
  /** The events, in the order asked for. */
  readonly events: readonly RecordedEvent<Event>[]
  /** What to ask for as `after` to go on; null if there is nothing more. */
  readonly next: string | null
}

/** The events of a query: `for await` them, or take all at once. */
export interface EventReader<Event extends AnyEvent = AnyEvent> extends AsyncIterable<RecordedEvent<Event>> {
  /** All events in one array. */
  toArray(): Promise<RecordedEvent<Event>[]>
}

/** The most events that are asked of the core at a time. */
export const pageSize = 500

/** A query as the core takes it, without `limit`. */
export interface CoreQuery {
  stream?: string
  aggregate?: string
  types?: readonly string[]
  correlationId?: string
  first?: number
  last?: number
  after?: string
  afterVersion?: number
  afterPosition?: number
  from?: number
  to?: number
  backwards?: boolean
  confirmedOnly?: boolean
  as?: (readonly [type: string, schemaVersion: number])[]
}

/** Checks a query and puts it into the core's terms. */
export function coreQuery(query: Omit<ReadQuery, 'aggregate'> & { readonly aggregate?: string | { readonly name: string } }): CoreQuery {
  const { stream, aggregate, types, correlationId, first, last, after, from, to, backwards, confirmedOnly, as } = query
  const core: CoreQuery = {}
  if (stream !== undefined) core.stream = text(stream, 'stream')
  if (aggregate !== undefined) core.aggregate = text(typeof aggregate === 'string' ? aggregate : aggregate.name, 'aggregate')
  if (types !== undefined) {
    if (!Array.isArray(types)) throw invalidArgument('types', 'types is an array of event types')
    core.types = types.map((type: unknown, index) => text(type, `types[${index}]`))
  }
  if (correlationId !== undefined) {
    if (!isUuid(correlationId)) throw invalidArgument('correlationId', 'correlationId is a UUID')
    core.correlationId = correlationId
  }
  if (first !== undefined) core.first = integer(first, 0, Number.MAX_SAFE_INTEGER, 'first')
  if (last !== undefined) core.last = integer(last, 0, Number.MAX_SAFE_INTEGER, 'last')
  if (typeof after === 'string') core.after = after
  else if (after !== undefined) core[stream === undefined ? 'afterPosition' : 'afterVersion'] = integer(after, 0, Number.MAX_SAFE_INTEGER, 'after')
  if (from !== undefined) core.from = millis(from, 'from')
  if (to !== undefined) core.to = millis(to, 'to')
  if (backwards) core.backwards = true
  if (confirmedOnly) core.confirmedOnly = true
  if (as !== undefined) core.as = versions(as)
  return core
}

/** The schema versions that are wanted of types, as the core takes them. */
export function versions(as: Readonly<Record<string, number>>, argument = 'as'): (readonly [string, number])[] {
  return Object.entries(as).map(([type, version]) => [type, integer(version, 1, 0xffff_ffff, `${argument}.${type}`)] as const)
}

/** Reads page after page, only as fast as the reader asks. */
export function eventReader<Event extends AnyEvent>(
  query: Parameters<typeof coreQuery>[0],
  page: (query: CoreQuery & { limit: number }) => Promise<EventPage<Event>>,
): EventReader<Event> {
  const core = coreQuery(query)
  const most = query.limit === undefined ? Infinity : integer(query.limit, 0, Number.MAX_SAFE_INTEGER, 'limit')
  async function* pages(): AsyncGenerator<readonly RecordedEvent<Event>[]> {
    let left = most
    let asked: CoreQuery = core
    while (left > 0) {
      const { events, next } = await page({ ...asked, limit: Math.min(left, pageSize) })
      // An upcaster may have made several events out of one.
      yield events.slice(0, left)
      left -= events.length
      if (next === null) return
      const { afterVersion: _version, afterPosition: _position, ...rest } = core
      asked = { ...rest, after: next }
    }
  }
  return {
    async *[Symbol.asyncIterator]() {
      for await (const events of pages()) yield* events
    },
    async toArray() {
      const all: RecordedEvent<Event>[] = []
      for await (const events of pages()) for (const event of events) all.push(event)
      return all
    },
  }
}
