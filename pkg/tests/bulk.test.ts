import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { appendInChunks, type BulkProgress } from '../src/bulk.js'
import type { BulkCommit } from '../src/command.js'

/** Remembers the chunks that a bulk append makes. */
function log(): { chunks: BulkCommit[][]; append: (chunk: string) => Promise<number> } {
  const chunks: BulkCommit[][] = []
  return { chunks, append: (chunk) => Promise.resolve(chunks.push(JSON.parse(chunk) as BulkCommit[])) }
}
const commit = (events: number, data: unknown = null): BulkCommit => ({ stream: 'a-1', events: Array.from({ length: events }, () => ({ type: 'A', data })) })

describe('a bulk append', () => {
  it('makes chunks of at most 1,000 events, and lets a larger commit go alone', async () => {
    const { chunks, append } = log()
    const progress: BulkProgress[] = []
    const commits = [commit(600), commit(400), commit(1), commit(2_500), commit(3)]
    const end = await appendInChunks(commits, { onProgress: (step) => progress.push(step) }, append)
    const counts = chunks.map((chunk) => chunk.map(({ events }) => events.length))
    assert.deepEqual(counts, [[600, 400], [1], [2_500], [3]])
    assert.deepEqual(progress.map(({ events }) => events), [1_000, 1_001, 3_501, 3_504])
    assert.deepEqual(end, { commits: 5, events: 3_504, total: 5 })
  })

  it('makes chunks of at most 1 MiB', async () => {
    const { chunks, append } = log()
    await appendInChunks([0, 1, 2].map(() => commit(1, 'x'.repeat(400_000))), {}, append)
    assert.deepEqual(chunks.map((chunk) => chunk.length), [2, 1])
  })

  it('takes commits as they are made, and none at all', async () => {
    const { chunks, append } = log()
    async function* made(): AsyncGenerator<BulkCommit> {
      for (let index = 0; index < 3; index++) yield await Promise.resolve(commit(1))
    }
    assert.deepEqual(await appendInChunks(made(), {}, append), { commits: 3, events: 3 })
    assert.deepEqual(await appendInChunks([], {}, append), { commits: 0, events: 0, total: 0 })
    assert.equal(chunks.length, 1)
  })

  it('stops between chunks when aborted; what is durable stays', async () => {
    const { chunks, append } = log()
    const abort = new AbortController()
    const onProgress = (): void => abort.abort(new Error('enough'))
    await assert.rejects(appendInChunks([commit(1_000), commit(1_000)], { signal: abort.signal, onProgress }, append), { message: 'enough' })
    assert.equal(chunks.length, 1)
  })

  it('names the commit that is bad', async () => {
    const { append } = log()
    await assert.rejects(appendInChunks([commit(1), commit(1, 1n)], {}, append), { code: 'not-json', message: /^commits\[1\]\.events\[0\]\.data/ })
  })
})
