/** The tab that syncs is closed, frozen, copied, or loses its lock: another one goes on, and two at once do no harm. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { events, execute, inStep, openLog, openPage, startDevice, status, syncWith } from './kit/device.js'
import { atEnd } from './kit/ending.js'
import { assertSameLog, assertWhole, serverLog } from './kit/log.js'
import { scratch } from './kit/scratch.js'
import { startServer } from './kit/server.js'
import { startSite } from './kit/site.js'
import { until } from './kit/until.js'

async function world(test, tabs) {
  const folder = scratch(test)
  const site = await startSite()
  atEnd(test, () => site.close())
  const server = await startServer({ database: join(folder, 'server.sqlite') })
  atEnd(test, () => server.stop())
  const options = { name: 'academy', sync: syncWith(server.url) }
  const device = async (name, tabs) => {
    const { context, page, close } = await startDevice(join(folder, name), site)
    atEnd(test, close)
    const pages = [page]
    while (pages.length < tabs) pages.push(await openPage(context, site))
    for (const page of pages) await openLog(page, options)
    return { context, pages }
  }
  const log = () => serverLog(`${server.url}/logs/academy`)
  return { site, options, device, log, ...(await device('phone', tabs)) }
}

const leads = async (page) => (await status(page)).leader
const leader = (pages) =>
  until('one tab leading', async () => {
    const leading = await Promise.all(pages.map(leads))
    return leading.filter(Boolean).length === 1 ? pages[leading.indexOf(true)] : undefined
  })

/** Notes in a page when it began to lead, by the clock of the machine. */
const noteLeading = (page) =>
  page.evaluate(() => {
    globalThis.ledSince = undefined
    log.sync.subscribe(({ leader }) => (globalThis.ledSince = leader ? (globalThis.ledSince ?? Date.now()) : undefined))
  })

const complete = (page, lesson) => execute(page, 'course', 'ada', { type: 'CompleteLesson', data: { lesson } })

test('the leading tab is closed: another one leads', { timeout: 60_000 }, async (test) => {
  const { pages } = await world(test, 3)
  const first = await leader(pages)
  const others = pages.filter((page) => page !== first)
  for (const page of others) await noteLeading(page)
  const closed = Date.now()
  await first.close()
  const next = await leader(others)
  const took = (await next.evaluate(() => globalThis.ledSince)) - closed
  test.diagnostic(`handed over within ${took} ms of the tab being closed`)
  assert.ok(took < 10_000, `${took} ms`)
  await complete(others[0], 'l1')
  for (const page of others) await inStep(page)
})

/** The events by which a browser says that it freezes and thaws a page. In earnest: see `frozen-tab.test.js`. */
const say = (page, type) => page.evaluate((type) => void document.dispatchEvent(new Event(type)), type)

test('the leading tab is about to be frozen: another one leads, and the first one can again when it has thawed', { timeout: 60_000 }, async (test) => {
  const { pages, log } = await world(test, 2)
  const first = await leader(pages)
  const [other] = pages.filter((page) => page !== first)
  await noteLeading(other)
  const frozen = Date.now()
  await say(first, 'freeze')
  await until('the other tab leading', () => leads(other))
  const took = (await other.evaluate(() => globalThis.ledSince)) - frozen
  test.diagnostic(`handed over within ${took} ms of the tab being frozen`)
  await leader(pages)
  await complete(other, 'l1')
  await inStep(other)
  await say(first, 'resume')
  await complete(first, 'l2')
  for (const page of pages) await inStep(page)
  const onServer = await log()
  assert.equal(onServer.length, 2)
  for (const page of pages) assertSameLog(await events(page), onServer)
  await other.close()
  await until('the thawed tab leading', () => leads(first))
  assert.deepEqual(await first.evaluate(() => errors), [])
})

test('the lock is taken away from the leading tab: it stops, and two at once do no harm', { timeout: 60_000 }, async (test) => {
  const { pages, log } = await world(test, 2)
  const first = await leader(pages)
  const [other] = pages.filter((page) => page !== first)
  await other.evaluate(() => {
    void navigator.locks.request('tidelog:academy:sync', { steal: true }, () => new Promise((letGo) => (globalThis.letGo = letGo)))
  })
  await until('the tab that lost its lock following', async () => !(await leads(first)))
  // Nobody syncs while something else holds the lock; what is decided is kept.
  await complete(first, 'l1')
  assert.equal((await status(first)).pending.commits, 1)
  await other.evaluate(() => globalThis.letGo())
  const next = await leader(pages)
  await inStep(next)
  assert.equal((await log()).length, 1)
  assert.ok((await first.evaluate(() => errors)).length > 0, 'the app is told')
})

test('tabs without locks all sync at once: everything arrives once', { timeout: 60_000 }, async (test) => {
  const { context, site, options, pages, log } = await world(test, 1)
  for (let more = 0; more < 2; more++) {
    const page = await openPage(context, site)
    await openLog(page, { ...options, locks: false })
    pages.push(page)
  }
  await until('all three syncing', async () => (await Promise.all(pages.map(leads))).every(Boolean))
  await Promise.all(pages.map(async (page, tab) => {
    for (let lesson = 0; lesson < 10; lesson++) await complete(page, `${tab}/${lesson}`)
  }))
  for (const page of pages) await inStep(page)
  const onServer = await log()
  assertWhole(onServer)
  assert.equal(onServer.length, 30)
  for (const page of pages) assertSameLog(await events(page, { confirmedOnly: true }), onServer)
})
