/** Logs, compared event for event. */
import assert from 'node:assert/strict'
import { essence } from '../pages/essence.js'
import { TOKEN } from './server.js'

/** The whole log of the server, event by event. */
export const serverLog = async (logUrl, options) => (await serverCommits(logUrl, options)).flatMap(eventsOf)

/** The confirmed commits of the server, pulled over HTTP as any client of the protocol would. */
export async function serverCommits(logUrl, { token = TOKEN } = {}) {
  const commits = []
  let cursor = ''
  for (;;) {
    const response = await fetch(`${logUrl}/events?after=${encodeURIComponent(cursor)}`, { headers: { Authorization: `Bearer ${token}` } })
    assert.equal(response.status, 200, await response.clone().text())
    const page = await response.json()
    commits.push(...page.commits)
    if (page.upToDate) return commits
    assert.notEqual(page.cursor, cursor, 'a page that is not the last brings nothing')
    cursor = page.cursor
  }
}

/** A confirmed commit of the protocol as the events that a reader of the package sees. */
function eventsOf({ firstVersion, firstPosition, recordedAt, commit }) {
  return commit.events.map(({ id, type, schemaVersion = 1, data = null }, index) => ({
    id,
    type,
    schemaVersion,
    data,
    stream: commit.stream,
    version: firstVersion + index,
    position: firstPosition + index,
    commitId: commit.id,
    deviceId: commit.metadata.deviceId,
    recordedAt,
  }))
}

/** The confirmed events of a device are those of the server: the same, all, in the same order. */
export function assertSameLog(deviceEvents, serverEvents, whose = 'the device') {
  const confirmed = deviceEvents.map(essence)
  for (let index = 0; index < Math.max(confirmed.length, serverEvents.length); index++) {
    assert.deepEqual(confirmed[index], serverEvents[index], `event ${index} of ${whose} and of the server differ`)
  }
}

/** Positions go up from 1 by 1, versions of each stream too, and no event or commit is there twice. */
export function assertWhole(events) {
  const versions = new Map()
  const ids = new Set()
  const commits = new Map()
  events.forEach((event, index) => {
    const { id, stream, version, position, commitId } = event
    assert.equal(position, index + 1, `a hole or double before position ${position}`)
    assert.equal(version, (versions.get(stream) ?? 0) + 1, `a hole or double in ${stream} at version ${version}`)
    versions.set(stream, version)
    assert.ok(!ids.has(id), `event ${id} is there twice`)
    ids.add(id)
    const last = commits.get(commitId)
    assert.ok(last === undefined || last === index - 1, `commit ${commitId} is there twice or torn apart`)
    commits.set(commitId, index)
  })
}
