/** The log by itself: no aggregate, no rule, only what happened. */
import assert from 'node:assert/strict'
import { isTidelogError, open, type BulkCommit } from 'tidelog'

type Reading =
  | { type: 'PageRead'; data: { page: number; seconds: number } }
  | { type: 'PageMarked'; data: { page: number } }
  | { type: 'BookFinished'; data: { stars: number } }

const monday = Date.UTC(2025, 8, 1, 9)
const minute = 60_000

const tidelog = await open({ name: 'reading', storage: 'memory', actor: 'ada' })

// A stream is named <what>-<id> and exists from its first event on.
const receipt = await tidelog.append<Reading>('book-moby', [
  { type: 'PageRead', data: { page: 1, seconds: 95 }, occurredAt: monday },
  { type: 'PageRead', data: { page: 2, seconds: 110 }, occurredAt: monday + 2 * minute },
  { type: 'PageMarked', data: { page: 2 }, occurredAt: monday + 3 * minute },
])
console.log(`book-moby is at version ${receipt.version}`)

// Many commits at once: what another device kept, in one go.
const tablet: BulkCommit[] = Array.from({ length: 300 }, (_, index) => ({
  stream: index % 2 === 0 ? 'book-moby' : 'book-walden',
  events: [{ type: 'PageRead', data: { page: 3 + Math.floor(index / 2), seconds: 30 + (index % 20) }, occurredAt: monday + (10 + index) * minute }],
}))
const written = await tidelog.appendAll(tablet, { onProgress: ({ commits, total }) => console.log(`imported ${commits} of ${total}`) })
assert.equal(written.events, 300)
console.log(`streams: ${tidelog.streams().map((stream) => `${stream} (${tidelog.version(stream)})`).join(', ')}`)

// One stream, from a version on.
const some = await tidelog.read<Reading>({ stream: 'book-moby', after: 1, limit: 3 }).toArray()
for (const event of some) console.log(`  v${event.version} ${event.type} ${JSON.stringify(event.data)}`)
assert.deepEqual(some.map(({ version }) => version), [2, 3, 4])

// All streams, by type and time, page by page under the hood.
let seconds = 0
for await (const event of tidelog.read<Reading>({ types: ['PageRead'], from: monday, to: monday + 60 * minute })) {
  if (event.type === 'PageRead') seconds += event.data.seconds
}
console.log(`read in the first hour: ${Math.round(seconds / 60)} minutes`)

// Backwards, as a list that loads while it is scrolled.
const latest = await tidelog.page({ backwards: true, limit: 2 })
console.log(`latest: ${latest.events.map(({ stream, version }) => `${stream} v${version}`).join(', ')}`)
const before = await tidelog.page({ backwards: true, limit: 2, after: latest.next! })
assert.equal(before.events[0]!.position, latest.events[1]!.position! - 1)

// A writer may say what it expects of a stream. A miss writes nothing and tells what was missed.
await tidelog.append('book-walden', { type: 'BookFinished', data: { stars: 4 } }, { expectedVersion: 150 })
try {
  await tidelog.append('book-walden', { type: 'BookFinished', data: { stars: 4 } }, { expectedVersion: 150 })
  assert.fail('a book is finished once')
} catch (error) {
  if (!isTidelogError(error, 'version-conflict')) throw error
  const { expected, actual, missing } = error.details
  console.log(`refused: expected version ${String(expected)}, found ${actual} (${missing.map(({ type }) => type).join(', ')})`)
}

const [finished] = await tidelog.read({ stream: 'book-walden', backwards: true, limit: 1 }).toArray()
assert.equal(finished?.metadata.actor, 'ada')
assert.equal(finished.status, 'confirmed')
console.log(`last in book-walden: ${finished.type} by ${finished.metadata.actor}, at position ${finished.position} of the log`)
tidelog.close()
