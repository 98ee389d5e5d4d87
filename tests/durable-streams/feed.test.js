/**
 * The published conformance suite of Durable Streams (https://github.com/durable-streams/durable-streams), against the feed of the real
 * server: that of a log over SQLite, that of a stream over PostgreSQL. `cases.js` says which cases a feed does not meet, and why.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { folderFor, overPostgres, overSqlite, TOKEN } from '../../conformance/tests/servers.js'
import { standIn, SUBSCRIPTIONS, unmet } from './cases.js'
import { writing } from './kit/writing.js'

const ROOT = fileURLToPath(new URL('.', import.meta.url))
const VITEST = join(dirname(fileURLToPath(import.meta.resolve('vitest/package.json'))), 'vitest.mjs')
/** Waits end while a test of the suite still waits, streams before it gives up. */
const ARGUMENTS = ['--feed-wait', '3', '--live-for', '5']
/** The suite gives some answers two seconds, whatever the machine: a case is met if it is in one of so many runs. */
const RUNS = 3

/** Runs the suite, or the cases of these names; resolves to what became of each. */
async function suite(folder, url, names) {
  const report = join(folder, 'report.json')
  const args = [VITEST, 'run', '--reporter=json', `--outputFile=${report}`]
  if (names) args.push('-t', `^(${names.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')})$`)
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, TIDELOG_FEED: url } })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text))
  await new Promise((resolve) => child.once('close', resolve))
  try {
    const [{ assertionResults }] = JSON.parse(readFileSync(report, 'utf8')).testResults
    return assertionResults.map(({ fullName, status, failureMessages }) => ({ name: fullName, status, why: failureMessages?.[0]?.slice(0, 500) }))
  } catch (error) {
    throw new Error(`the suite made no report: ${said}`, { cause: error })
  }
}

async function holds(test, server, resource) {
  const folder = folderFor(test)
  const front = await writing({ server: server.url, token: TOKEN, resource, stream: 'message-1' })
  try {
    const results = await suite(folder, front.url)
    const excepted = new Set(unmet.flatMap(({ cases }) => cases))
    const ran = results.filter(({ status }) => status !== 'skipped' && status !== 'pending')
    const failed = (one) => one.status !== 'passed' && !excepted.has(one.name)
    let broken = ran.filter(failed)
    for (let run = 1; run < RUNS && broken.length > 0; run += 1) {
      for (const { name, why } of broken) test.diagnostic(`tried again: ${name}: ${why}`)
      const again = await suite(folder, front.url, broken.map(({ name }) => name))
      broken = again.filter((one) => broken.some(({ name }) => name === one.name)).filter(failed)
    }
    const names = new Set(ran.map(({ name }) => name))
    const reading = ran.length - excepted.size - standIn.length
    test.diagnostic(`${reading - broken.length} of ${reading} cases about reading are met; ${excepted.size} are about what a feed is not, ${standIn.length} about the stand-in for writing`)
    assert.deepEqual(broken, [])
    assert.deepEqual(ran.filter(({ name, status }) => status === 'passed' && excepted.has(name)).map(({ name }) => name), [], 'met, though the list says otherwise')
    assert.deepEqual([...excepted, ...standIn].filter((name) => !names.has(name)), [], 'in the list, but no case of the suite')
    assert.equal(results.length - ran.length, SUBSCRIPTIONS)
  } finally {
    await front.stop()
    await server.stop()
  }
}

test('the feed of a log, over SQLite', { timeout: 600_000 }, async (test) => {
  await holds(test, await overSqlite(folderFor(test), ARGUMENTS), 'feed')
})

const skip = process.env.TIDELOG_POSTGRES_BIN ? false : 'TIDELOG_POSTGRES_BIN is not set: there is no PostgreSQL'
test('the feed of a stream, over PostgreSQL', { timeout: 600_000, skip }, async (test) => {
  await holds(test, await overPostgres(folderFor(test), ARGUMENTS), 'feed/message-1')
})
