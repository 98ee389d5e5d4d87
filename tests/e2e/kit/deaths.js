/** Devices that write without a pause to a server that dies, or whose database dies, again and again. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { promisify } from 'node:util'
import { events, inStep, openLog, rejected, syncWith } from './device.js'
import { atEnd } from './ending.js'
import { engines, startScreen } from './engines.js'
import { assertSameLog, assertWhole, serverLog } from './log.js'
import { serverBinary } from './places.js'
import { seeded } from './random.js'
import { scratch } from './scratch.js'
import { startServer } from './server.js'
import { startSite } from './site.js'
import { until } from './until.js'

/** How often something is killed: `TIDELOG_KILLS`, or a few times. */
export const kills = (few) => Number(process.env.TIDELOG_KILLS ?? few)

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
 * running one and the number of the round. `start` names the engine of each device.
 */
export async function nothingIsLost(test, { database, rounds, die, start = { phone: 'chromium', tablet: 'chromium' } }) {
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

  const names = Object.keys(start)
  const devices = []
  for (const [name, engine] of Object.entries(start)) {
    const device = await engines[engine](join(folder, name), site, { screen: await startScreen(test, engine) })
    atEnd(test, () => device.close())
    devices.push(device)
  }
  for (const { page } of devices) await openLog(page, { name: 'academy', sync: syncWith(server.url) })
  await Promise.all(devices.map(({ page }, index) => writeUntilStopped(page, names[index])))

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
  for (const [index, { page }] of devices.entries()) assertSameLog(await events(page), log, names[index])
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
export const theServer = (database) => async (server) => {
  await server.kill()
  return startServer({ database, port: server.port })
}
