/** A short run of everything but the other stores: that it measures, not what. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { median, percentiles } from './measures.js'

const MAIN = fileURLToPath(new URL('main.js', import.meta.url))

function run(...args) {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text))
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, said })))
}

test('a quick run measures every scenario on every storage', { timeout: 300_000 }, async (test) => {
  const folder = mkdtempSync(join(tmpdir(), 'tidelog-load-'))
  test.after(() => rmSync(folder, { recursive: true, force: true }))
  const json = join(folder, 'load.json')
  const storage = process.env.TIDELOG_POSTGRES_BIN ? 'both' : 'sqlite'
  const { code, said } = await run('--quick', '--storage', storage, '--json', json)
  assert.equal(code, 0, said)
  const { storages } = JSON.parse(readFileSync(json, 'utf8'))
  assert.deepEqual(storages.map((one) => one.storage), storage === 'both' ? ['SQLite', 'PostgreSQL'] : ['SQLite'])
  for (const { results } of storages) {
    assert.equal(results.length, 5)
    for (const { name, count, perSecond, p50, p95, p99 } of results) {
      assert.ok(count > 0 && perSecond > 0 && p50 <= p95 && p95 <= p99, `${name}: ${said}`)
      assert.ok(said.includes(`| ${name} |`), said)
    }
  }
})

test('what can not be measured is said', { timeout: 60_000 }, async () => {
  for (const [words, message] of [
    [['--devices', '0'], '--devices wants a number from 1 to 400, not 0'],
    [['--storage', 'paper'], '--storage is sqlite, postgres or both, not paper'],
    [['--fast'], "Unknown option '--fast'"],
  ]) {
    const { code, said } = await run(...words)
    assert.equal(code, 1)
    assert.ok(said.startsWith(`load: ${message}`), said)
  }
})

test('percentiles and medians are those of the numbers', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
  assert.deepEqual(percentiles(hundred), { count: 100, p50: 50, p95: 95, p99: 99 })
  assert.deepEqual(percentiles([7]), { count: 1, p50: 7, p95: 7, p99: 7 })
  assert.equal(percentiles([]), undefined)
  assert.deepEqual(median([3, 1, 2]), { median: 2, least: 1, most: 3 })
  assert.deepEqual(median([4, 1, 2, 3]), { median: 2.5, least: 1, most: 4 })
})
