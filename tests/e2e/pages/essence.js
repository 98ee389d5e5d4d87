/** Events, reduced to what must be the same wherever a confirmed one is seen. For pages and for the test process. */

/** What must be the same wherever a confirmed event is seen, from an event as the package reads it. */
export function essence({ id, type, schemaVersion, data = null, stream, version, position, commitId, metadata }) {
  const { deviceId, recordedAt } = metadata
  return { id, type, schemaVersion, data, stream, version, position, commitId, deviceId, recordedAt }
}

/** One text for a whole log: the same if and only if the logs are. `events` are reduced already. */
export async function digest(events) {
  const text = events.map((event) => JSON.stringify(event)).join('\n')
  const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
