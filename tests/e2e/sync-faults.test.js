/** The network, the page and the server fail in the middle of a sync: everything arrives once. */
import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { events, inStep, openLog, startDevice, status, syncWith, visit } from './kit/device.js'
import { atEnd } from './kit/ending.js'
import { cutAnswer, cutRequest, hold, loseAnswer, loseRequest, repeat } from './kit/faults.js'
import { assertSameLog, assertWhole, serverLog } from './kit/log.js'
import { isPull, isPush, startProxy } from './kit/proxy.js'
import { scratch } from './kit/scratch.js'
import { startServer } from './kit/server.js'
import { startSite } from './kit/site.js'
import { until } from './kit/until.js'

/** A device, a server on a file, and a network between them in which faults can be planned. */
async function world(test) {
  const folder = scratch(test)
  const database = join(folder, 'server.sqlite')
  const site = await startSite()
  atEnd(test, () => site.close())
  const world = { site, walFile: `${database}-wal`, server: await startServer({ database }), restart }
  atEnd(test, () => world.server.kill())
  world.proxy = await startProxy(world.server.url)
  atEnd(test, () => world.proxy.close())
  world.device = await startDevice(join(folder, 'device'), site)
  atEnd(test, () => world.device.close())
  const options = { name: 'academy', sync: syncWith(world.proxy.url, 'academy', { live: false }) }
  world.open = () => openLog(world.device.page, options)

  /** The server comes back on the same file and port. */
  async function restart() {
    const { port } = world.server
    world.server = await startServer({ database, port })
  }

  await world.open()
  await inStep(world.device.page)
  return world
}

let written = 0

/** Appends this many marks of some bytes while the sync is paused, a commit each. */
async function appendPaused(page, count, bytes = 0) {
  const first = written
  written += count
  await page.evaluate(
    async ([first, count, bytes]) => {
      log.sync.pause()
      const marks = Array.from({ length: count }, (_, index) => first + index)
      const event = (number) => ({ type: 'Marked', data: { number, filling: 'x'.repeat(bytes) } })
      await log.appendAll(marks.map((number) => ({ stream: `mark-${number % 7}`, events: [event(number)] })))
    },
    [first, count, bytes],
  )
  return { first, count }
}

const resume = (page) => page.evaluate(() => log.sync.resume())

/** Device and server hold the same log, and these marks stand in it once each. */
async function arrivedOnce({ device, server }, { first, count }, within) {
  await inStep(device.page, within)
  const log = await serverLog(`${server.url}/logs/academy`)
  assertWhole(log)
  const here = await events(device.page)
  assertSameLog(here, log)
  const numbers = log.map(({ data }) => data.number).filter((number) => number >= first && number < first + count)
  assert.deepEqual(numbers.sort((a, b) => a - b), Array.from({ length: count }, (_, index) => first + index))
  assert.deepEqual(await device.page.evaluate(() => log.rejected.list()), [])
}

test('an exchange fails on its way: everything arrives once', { timeout: 120_000 }, async (test) => {
  const it = await world(test)
  const faults = { loseRequest, cutRequest, loseAnswer, cutAnswer }
  for (const [name, fault] of Object.entries(faults)) {
    for (const [kind, matches] of Object.entries({ push: isPush, pull: isPull })) {
      await test.test(`${name} on a ${kind}`, async () => {
        const marks = await appendPaused(it.device.page, 5)
        // The pull that confirms what was just pushed is as worth breaking as the one before.
        let pushed = false
        const afterPush = (exchange) => (isPush(exchange) ? ((pushed = true), false) : pushed && isPull(exchange))
        const taken = it.proxy.plan(kind === 'push' ? matches : afterPush, fault)
        await resume(it.device.page)
        await taken
        await arrivedOnce(it, marks)
      })
    }
  }
})

test('the same push is delivered three times: everything arrives once', { timeout: 60_000 }, async (test) => {
  const it = await world(test)
  const marks = await appendPaused(it.device.page, 20)
  const taken = it.proxy.plan(isPush, repeat(3))
  await resume(it.device.page)
  await taken
  await arrivedOnce(it, marks)
  const statuses = it.proxy.exchanges.filter(isPush).map(({ answered }) => JSON.parse(answered).outcomes.map(({ status }) => status))
  assert.ok(statuses[0].every((status) => status === 'duplicate'), 'the third delivery was answered with duplicates')
})

test('the page is reloaded in the middle of a sync: everything arrives once', { timeout: 120_000 }, async (test) => {
  const it = await world(test)
  const { page } = it.device
  const moments = {
    'before the server sees the push': [isPush, 'request'],
    'after the server took the push, before the page knows': [isPush, 'answer'],
    'while the confirmations are pulled': [isPull, 'answer'],
  }
  for (const [name, [matches, point]] of Object.entries(moments)) {
    await test.test(name, async () => {
      const marks = await appendPaused(page, 50)
      const { fault, reached, release } = hold(point)
      let pushed = false
      const now = (exchange) => (matches === isPush ? isPush(exchange) : isPush(exchange) ? ((pushed = true), false) : pushed)
      void it.proxy.plan(now, fault)
      await resume(page)
      await reached
      await visit(page, it.site)
      release()
      await it.open()
      await arrivedOnce(it, marks)
    })
  }
})

test('the server is killed in the middle of a push and comes back: everything arrives once', { timeout: 180_000 }, async (test) => {
  const it = await world(test)
  const moments = {
    'half of the request sent': async (exchange) => {
      await exchange.forwardPart(0.5)
      await it.server.kill()
      exchange.drop()
    },
    'the whole request sent, no answer yet': async (exchange) => {
      const answered = exchange.forward().catch(() => {})
      await it.server.kill()
      await answered
      exchange.drop()
    },
    'writing, as far as it gets': async (exchange) => {
      const answered = exchange.forward().catch(() => {})
      // The kill meets the transaction: the file's log has begun to grow.
      await Promise.race([answered, it.grown()])
      await it.server.kill()
      await answered
      exchange.drop()
    },
    'answered, and the answer lost': async (exchange) => {
      await exchange.forward()
      await it.server.kill()
      exchange.drop()
    },
  }
  for (const [name, fault] of Object.entries(moments)) {
    await test.test(name, async () => {
      const marks = await appendPaused(it.device.page, 500, 2_000)
      const size = () => statSync(it.walFile, { throwIfNoEntry: false })?.size ?? 0
      const before = size()
      it.grown = () => until('the write-ahead log growing', () => size() !== before, { every: 1 })
      const taken = it.proxy.plan(isPush, fault)
      await resume(it.device.page)
      await taken
      await until('the page noticing', async () => (await status(it.device.page)).error?.code === 'network')
      await it.restart()
      await arrivedOnce(it, marks)
    })
  }
})
