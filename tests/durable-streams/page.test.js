/** The reader in docs/durable-streams.md, run as it stands there, on the real server. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { folderFor, overSqlite, TOKEN } from '../../conformance/tests/servers.js'

const PAGE = fileURLToPath(new URL('../../docs/durable-streams.md', import.meta.url))
const ROOT = fileURLToPath(new URL('.', import.meta.url))

/** Pushes an event of this type to `course-algebra-1`; `number` makes the ids. */
async function push(url, type, number) {
  const id = (kind) => `01992a10-7c0${kind}-7000-8000-${String(number).padStart(12, '0')}`
  const metadata = { correlationId: id(1), deviceId: id(2), sessionId: id(3), occurredAt: 1_790_000_000_000 }
  const commit = { id: id(1), stream: 'course-algebra-1', expectedVersion: 'any', metadata, events: [{ id: id(4), type, data: { number } }] }
  const body = JSON.stringify({ protocol: 1, deviceId: id(2), commits: [commit] })
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
  const answer = await fetch(`${url}/logs/academy/commits`, { method: 'POST', headers, body })
  assert.equal((await answer.json()).outcomes[0].status, 'committed')
}

/** Starts the program; `line` resolves to what it prints next. */
function reading(program, cwd) {
  const child = spawn(process.execPath, [program], { cwd, stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    line: async () => (await lines.next()).value,
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await ended
    },
  }
}

test('the reader of the page', { timeout: 120_000 }, async (test) => {
  const server = await overSqlite(folderFor(test))
  test.after(() => server.stop())
  const [, code] = /```js\n([^]*?)```/.exec(readFileSync(PAGE, 'utf8'))
  const own = code.replace('https://sync.example', server.url).replace('TOKEN', TOKEN)
  assert.equal(own.includes('sync.example') || own.includes('Bearer TOKEN'), false)
  // Its imports are found from here.
  const folder = mkdtempSync(join(ROOT, '.reader-'))
  test.after(() => rmSync(folder, { recursive: true, force: true }))
  const program = join(folder, 'reader.mjs')
  writeFileSync(program, own)
  await push(server.url, 'LessonCompleted', 1)
  const first = reading(program, folder)
  assert.equal(await first.line(), 'LessonCompleted course-algebra-1 {"number":1}')
  await push(server.url, 'LessonRepeated', 2)
  assert.equal(await first.line(), 'LessonRepeated course-algebra-1 {"number":2}')
  const end = (await fetch(`${server.url}/logs/academy/feed`, { method: 'HEAD', headers: { authorization: `Bearer ${TOKEN}` } })).headers.get('stream-next-offset')
  while (kept(folder) !== end) await new Promise((resolve) => setTimeout(resolve, 20))
  await first.stop()
  await push(server.url, 'LessonForgotten', 3)
  const second = reading(program, folder)
  assert.equal(await second.line(), 'LessonForgotten course-algebra-1 {"number":3}')
  await second.stop()
})

/** What the reader has written down; a file half written is none. */
function kept(folder) {
  try {
    return readFileSync(join(folder, 'offset'), 'utf8')
  } catch {
    return undefined
  }
}
