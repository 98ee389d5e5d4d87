/** Events that have happened, as a story begins with them. */
import type { AnyAggregate, EventOf } from '../aggregate.js'
import { encodeEvents } from '../encode.js'
import type { AnyEvent, EventExtras, NewEvent, RecordedEvent } from '../event.js'

/** When everything in a story happens until time moves on: 2026-01-01T00:00:00Z. */
export const start = 1_767_225_600_000

/** Events of one stream that have happened. */
export interface Happened {
  /** The stream. */
  readonly stream: string
  /** The events, in order. */
  readonly events: readonly NewEvent[]
  /** The aggregate, if it was named by itself. */
  readonly aggregate?: AnyAggregate
  /** On whose behalf they happened. */
  readonly actor?: string
  /** The same on behalf of `actor`. */
  by(actor: string): Happened
}

/**
 * Events that have happened in a stream: of an aggregate's instance, `happened(course, 'algebra-1', event, …)`, or of any stream by
 * its name, `happened('course-algebra-1', event, …)`.
 */
export function happened<A extends AnyAggregate>(aggregate: A, id: string, ...events: readonly (EventOf<A> & EventExtras)[]): Happened
export function happened(stream: string, ...events: readonly NewEvent[]): Happened
export function happened(of: AnyAggregate | string, ...rest: readonly (string | NewEvent)[]): Happened {
  const made = (given: Omit<Happened, 'by'>): Happened => ({ ...given, by: (actor) => made({ ...given, actor }) })
  if (typeof of === 'string') return made({ stream: of, events: rest as NewEvent[] })
  const [id, ...events] = rest
  return made({ stream: `${of.name}-${id as string}`, events: events as NewEvent[], aggregate: of })
}

/** Events as the log would have them: what JSON can't hold is an error. */
export function encoded(events: unknown): NewEvent[] {
  return JSON.parse(encodeEvents(events)) as NewEvent[]
}

/** What happened, as readers see it, one event after the other. */
export function recorded(history: readonly Happened[]): RecordedEvent[] {
  const versions = new Map<string, number>()
  let position = 0
  return history.flatMap(({ stream, events, actor }) =>
    encoded(events).map((event): RecordedEvent<AnyEvent> => {
      const version = (versions.get(stream) ?? 0) + 1
      versions.set(stream, version)
      position++
      const { type, data, schemaVersion = 1, occurredAt = start, custom } = event
      const uuid = (kind: number): string => `019b0000-0000-7000-8000-${kind.toString(16).padStart(2, '0')}${position.toString(16).padStart(10, '0')}`
      return {
        id: event.id ?? uuid(1),
        type,
        schemaVersion,
        data: data === undefined ? null : data,
        stream,
        version,
        position,
        status: 'confirmed',
        commitId: uuid(0),
        metadata: {
          correlationId: uuid(0),
          ...(actor === undefined ? {} : { actor }),
          deviceId: uuid(2),
          sessionId: uuid(3),
          occurredAt: Number(occurredAt),
          recordedAt: start,
          ...(custom === undefined ? {} : { custom }),
        },
      }
    }),
  )
}
