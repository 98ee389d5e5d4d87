/** What a server has acknowledged survives its death, and that of its database; what it has not arrives later: once, whenever they die. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import { promisify } from 'node:util'
import { events, inStep, openLog, rejected, startDevice, syncWith } from './kit/device.js'
import { atEnd } from './kit/ending.js'
import { assertSameLog, assertWhole, serverLog } from './kit/log.js'
import { serverBinary } from './kit/places.js'
import { postgresFor, withoutPostgres } from './kit/postgres.js'
import { seeded } from './kit/random.js'
import { scratch } from './kit/scratch.js'
import { startServer } from './kit/server.js'
import { startSite } from './kit/site.js'
import { until } from './kit/until.js'

/** How often something is killed: `TIDELOG_KILLS`, or a few times. */
const kills = (few) => Number(process.env.TIDELOG_KILLS ?? few)

/**
 * Writes until `stop` is set, to streams of this device and one that both write to, so that some pushes meet conflicts. Tells of each
 * commit when it is durable here, and when the server has it. Few are pending at once, so that a push has always something new in it.
 */
const writeUntilStopped = (page, device) =>
  page.evaluate((device) => {
    globalThis.stop = false
    let number = 0
    const writer = async (index) => {
      while (!globalThis.stop) {
        const lesson = `${device}/${number++}`
        const stream = number % 3 === 0 ? 'shared' : `${device}-${index}`
        const steps = Array.from({ length: number % 4 }, (_, index) => ({ index, note: 'x'.repeat(300 * index) }))
        try {
          const receipt = await log.execute(domain.course, stream, { type: 'CompleteLesson', data: { lesson, steps } })
          const { commitId, events } = receipt
          await tell({ device, commitId, events: events.map(({ type, data }) => ({ type, data })) })
          const outcome = await receipt.confirmed
          await tell({ device, commitId, outcome: outcome.status })
        } catch (error) {
          await tell({ device, failure: `${error.code}: ${error.message}` })
          return
        }
      }
    }
    globalThis.writing = Promise.all(Array.from({ length: 6 }, (_, index) => writer(index)))
  }, device)

/**
 * Two devices push to a server over a database, which `die` lets die, and which goes on with the server that it resolves to; `die` is given the
 * running one and the number of the round.
 */
async function nothingIsLost(test, { database, rounds, die }) {
  const random = seeded(test)
  const folder = scratch(test)
  const site = await startSite()
  atEnd(test, () => site.close())
  let server = await startServer({ database })
  atEnd(test, () => server.kill())

  const acknowledged = new Map()
  const outcomes = new Map()
  const failures = []
  site.onMessage = (text) => {
    const { device, failure, commitId, events, outcome } = JSON.parse(text)
    if (failure) return failures.push(`${device}: ${failure}`)
    if (outcome) outcomes.set(commitId, outcome)
    else acknowledged.set(commitId, events)
  }

  const devices = await Promise.all(['phone', 'tablet'].map((name) => startDevice(join(folder, name), site)))
  atEnd(test, () => Promise.all(devices.map((device) => device.close())))
  for (const { page } of devices) await openLog(page, { name: 'academy', sync: syncWith(server.url) })
  await Promise.all(devices.map(({ page }, index) => writeUntilStopped(page, ['phone', 'tablet'][index])))

  for (let round = 0; round < rounds; round++) {
    const enough = outcomes.size + 1 + random.below(40)
    await until('commits that the server has', () => outcomes.size >= enough || failures.length > 0, { every: 1, within: 60_000 })
    // Anywhere within a push, an answer, or the quiet between them.
    await after(random.below(25))
    server = await die(server, round)
  }

  for (const { page } of devices) await page.evaluate(() => ((globalThis.stop = true), undefined))
  for (const { page } of devices) await page.evaluate(() => globalThis.writing)
  // The second may have brought something since the first was in step.
  for (const { page } of [...devices, devices[0]]) await inStep(page, 60_000)
  await until('the last messages', () => outcomes.size === acknowledged.size, { otherwise: () => [outcomes.size, acknowledged.size] })
  assert.deepEqual(failures, [])
  for (const { page } of devices) {
    assert.deepEqual(await rejected(page), [])
    assert.deepEqual(await page.evaluate(() => errors), [])
  }

  const log = await serverLog(`${server.url}/logs/academy`)
  assertWhole(log)
  for (const [index, { page }] of devices.entries()) assertSameLog(await events(page), log, `device ${index}`)
  const there = new Map()
  for (const { commitId, type, data } of log) there.set(commitId, [...(there.get(commitId) ?? []), { type, data }])
  assert.deepEqual([...there.keys()].sort(), [...acknowledged.keys()].sort())
  for (const [commitId, events] of acknowledged) {
    assert.deepEqual(there.get(commitId), events, `commit ${commitId}`)
    assert.match(outcomes.get(commitId), /^(confirmed|rebased)$/)
  }
  await server.stop()
  const { stdout } = await promisify(execFile)(serverBinary(), ['verify', '--database', database])
  assert.match(stdout, /^academy: .* holds\n$/)
  const rebased = [...outcomes.values()].filter((outcome) => outcome === 'rebased').length
  test.diagnostic(`${acknowledged.size} commits acknowledged, ${there.size} on the server after ${rounds} kills, ${rebased} of them rebased`)
}

/** Kills the server, and starts it again at its address. */
const theServer = (database) => async (server) => {
  await server.kill()
  return startServer({ database, port: server.port })
}

test('the server over SQLite is killed while two devices push: nothing is lost, nothing doubled', { timeout: 900_000 }, async (test) => {
  const database = join(scratch(test), 'server.sqlite')
  await nothingIsLost(test, { database, rounds: kills(8), die: theServer(database) })
})

test('the server over PostgreSQL is killed: nothing is lost, nothing doubled', { timeout: 900_000, skip: withoutPostgres }, async (test) => {
  const database = postgresFor(test).database('logs')
  await nothingIsLost(test, { database, rounds: kills(5), die: theServer(database) })
})

test('PostgreSQL is killed under the server: nothing is lost, nothing doubled', { timeout: 900_000, skip: withoutPostgres }, async (test) => {
  const postgres = postgresFor(test)
  const die = async (server, round) => {
    // By turns a process that serves the server, after which PostgreSQL recovers by itself, and all of it.
    if (round % 2 === 0) await until('a session of the server to kill', () => postgres.killSession('logs', 'tidelog-server'))
    else {
      postgres.crash()
      postgres.resume()
    }
    return server
  }
  await nothingIsLost(test, { database: postgres.database('logs'), rounds: kills(2), die })
})
