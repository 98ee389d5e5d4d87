/** What the suite pushes: commits as a device would make them. */
import { randomBytes } from 'node:crypto'

let latest = 0

/** A UUID of version 7 (RFC 9562), later than all before it. */
export function uuid() {
  latest = Math.max(latest + 1, Date.now())
  const bytes = randomBytes(16)
  bytes.writeUIntBE(latest, 0, 6)
  bytes[6] = 0x70 | (bytes[6] & 0x0f)
  bytes[8] = 0x80 | (bytes[8] & 0x3f)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** A device of the suite. */
export const device = uuid()

/** An event. */
export const event = (more = {}) => ({ id: uuid(), type: 'LessonCompleted', schemaVersion: 1, data: { lesson: 'l1' }, ...more })

/** A commit of one event, expecting that the stream is as it may be. */
export function commit(stream, more = {}) {
  const { metadata, ...fields } = more
  const id = uuid()
  return {
    id,
    stream,
    expectedVersion: 'any',
    generation: 0,
    metadata: { correlationId: id, deviceId: device, sessionId: device, occurredAt: 1_790_000_000_000, ...metadata },
    events: [event()],
    ...fields,
  }
}

/** A commit of so many events. */
export const commitOf = (count, stream, more = {}) => commit(stream, { events: Array.from({ length: count }, () => event()), ...more })

/** The body of a push. */
export const push = (commits, more = {}) => ({ protocol: 1, deviceId: device, commits, ...more })
