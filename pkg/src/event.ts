/** Events: immutable facts, as `decide` returns them and as readers see them. */

/** What every event has at least. Write an app's events as a union of such types, told apart by `type`. */
export interface AnyEvent<Type extends string = string> {
  /** What happened, in the past tense. From 1 to 256 bytes of UTF-8. */
  readonly type: Type
  /** The fact itself: what JSON can hold, at most 1 MiB of it. */
  readonly data?: unknown
}

/** What may stand beside `type` and `data` in an event that is not recorded yet. All of it is optional. */
export interface EventExtras {
  /** The version of the shape of `data`, from 1. Default: the newest that the upcasters lead to; 1 if none reads this type. */
  readonly schemaVersion?: number
  /** The event's identity (a UUID), if the app has one already, as an import that may run twice does. Otherwise one is made. */
  readonly id?: string
  /** When it happened, if not now: a `Date` or milliseconds since 1970. */
  readonly occurredAt?: Date | number
  /** The app's own keys: read back as `event.metadata.custom`. At most 64 KiB of JSON. */
  readonly custom?: Readonly<Record<string, unknown>>
}

/** An event to append: the fact and what may stand beside it. */
export type NewEvent<Event extends AnyEvent = AnyEvent> = Event & EventExtras

/** Who decided an event, where, when, and because of what. */
export interface Metadata {
  /** The id of the first message of the chain that led here. */
  readonly correlationId: string
  /** The id of the event or command that directly caused it; absent if a person did. */
  readonly causationId?: string
  /** On whose behalf it was decided, in the app's own words. */
  readonly actor?: string
  /** The device that decided it: one database in one browser profile. */
  readonly deviceId: string
  /** The opening of the database that decided it. */
  readonly sessionId: string
  /** When it happened by the device's clock, in milliseconds since 1970. */
  readonly occurredAt: number
  /** When the authority recorded it, in milliseconds since 1970; absent while it is pending. */
  readonly recordedAt?: number
  /** The W3C trace context at the decision. */
  readonly traceparent?: string
  /** The app's own keys. */
  readonly custom?: Readonly<Record<string, unknown>>
}

/** What recording adds to an event. */
export interface EventRecord {
  /** Its identity, a UUID. */
  readonly id: string
  /** The version of the shape of `data`, from 1. */
  readonly schemaVersion: number
  /** The stream it belongs to, `<aggregate>-<id>`. */
  readonly stream: string
  /** Its number within the stream, from 1. Provisional while it is pending. */
  readonly version: number
  /** Its place in the authority's log, from 1; null while it is pending. */
  readonly position: number | null
  /** `pending` until the authority has accepted it. Where there is no sync, this device is the authority. */
  readonly status: 'confirmed' | 'pending'
  /** The commit it came in. */
  readonly commitId: string
  /** Who, where, when, and because of what. */
  readonly metadata: Metadata
}

/** An event as readers see it: the fact, where it stands, and what is known about it. */
export type RecordedEvent<Event extends AnyEvent = AnyEvent> = Event & EventRecord
