/** Commits as clients send them: checked field by field. What the protocol does not know is left out. */
import { Raw } from './json.js'

/** Says what is wrong with a commit, and where. */
export class Invalid extends Error {}

const uuids = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const bytes = (text) => Buffer.byteLength(text)

/** Throws unless `holds`. */
function must(holds, where, what) {
  if (!holds) throw new Invalid(`${where}: ${what}`)
}

export function uuid(value, where) {
  must(typeof value === 'string' && uuids.test(value), where, 'not a UUID')
  return value.toLowerCase()
}

export function integer(value, where, least = 0, most = Number.MAX_SAFE_INTEGER) {
  must(Number.isInteger(value) && value >= least && value <= most, where, `not an integer from ${least} to ${most}`)
  return value
}

function text(value, where, most, least = 0) {
  must(typeof value === 'string' && bytes(value) >= least && bytes(value) <= most, where, `not a text of ${least} to ${most} bytes`)
  return value
}

function raw(value, where, most) {
  must(value instanceof Raw && bytes(value.text) <= most, where, `not JSON of at most ${most} bytes`)
  return value
}

function object(value, where) {
  must(typeof value === 'object' && value !== null && !Array.isArray(value), where, 'not an object')
  return value
}

const optional = (value, read, ...more) => (value === undefined || value === null ? undefined : read(value, ...more))

function event(json, where) {
  const { id, type, schemaVersion = 1, data, occurredAt, custom } = object(json, where)
  return {
    id: uuid(id, `${where}.id`),
    type: text(type, `${where}.type`, 256, 1),
    schemaVersion: integer(schemaVersion, `${where}.schemaVersion`, 1, 2 ** 32 - 1),
    data: raw(data, `${where}.data`, 1 << 20),
    occurredAt: optional(occurredAt, integer, `${where}.occurredAt`, Number.MIN_SAFE_INTEGER),
    custom: optional(custom, raw, `${where}.custom`, 1 << 16),
  }
}

function metadata(json) {
  const { correlationId, causationId, actor, deviceId, sessionId, occurredAt, traceparent } = object(json, 'metadata')
  return {
    correlationId: uuid(correlationId, 'metadata.correlationId'),
    causationId: optional(causationId, uuid, 'metadata.causationId'),
    actor: optional(actor, text, 'metadata.actor', 512),
    deviceId: uuid(deviceId, 'metadata.deviceId'),
    sessionId: uuid(sessionId, 'metadata.sessionId'),
    occurredAt: integer(occurredAt, 'metadata.occurredAt', Number.MIN_SAFE_INTEGER),
    traceparent: optional(traceparent, text, 'metadata.traceparent', 128),
  }
}

/** What an outcome says of a commit, whatever else is wrong with it. */
export const outline = (json, where) => ({ id: uuid(object(json, where).id, `${where}.id`), generation: integer(json.generation ?? 0, `${where}.generation`, 0, 2 ** 32 - 1) })

/** Reads a whole commit. */
export function commit(json) {
  const stream = text(json.stream, 'stream', 512)
  must(/^[^-]+-./s.test(stream) && !/\p{Cc}/u.test(stream), 'stream', 'not of the form <aggregate>-<id> without control characters')
  const { expectedVersion, command, events } = json
  if (!['any', 'exists', 'none'].includes(expectedVersion)) integer(expectedVersion, 'expectedVersion')
  must(Array.isArray(events) && events.length >= 1 && events.length <= 10_000, 'events', 'not a list of 1 to 10000 events')
  const read = {
    ...outline(json, 'commit'),
    stream,
    expectedVersion,
    since: optional(json.since, integer, 'since'),
    metadata: metadata(json.metadata),
    command: optional(command, ({ type, data = new Raw('null') }) => ({ type: text(type, 'command.type', 256, 1), data: raw(data, 'command.data', 1 << 20) })),
    events: events.map((one, index) => event(one, `events[${index}]`)),
  }
  must(new Set(read.events.map(({ id }) => id)).size === events.length, 'events', 'an id occurs twice')
  return read
}
