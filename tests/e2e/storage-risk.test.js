/** Work that is on one device only: how the app hears of it, what the browser asks, and what becomes of it when the storage is full. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { execute, inStep, openLog, openPage, startDevice, status, syncWith } from './kit/device.js'
import { atEnd, file } from './kit/ending.js'
import { serverLog } from './kit/log.js'
import { scratch } from './kit/scratch.js'
import { startServer } from './kit/server.js'
import { startSite } from './kit/site.js'
import { until } from './kit/until.js'

const folder = scratch(file)
let site
let server
let device

before(async () => {
  site = await startSite()
  atEnd(file, () => site.close())
  server = await startServer({ database: join(folder, 'server.sqlite') })
  atEnd(file, () => server.stop())
  device = await startDevice(join(folder, 'profile'), site)
  atEnd(file, () => device.close())
})

const complete = (page, lesson) => execute(page, 'course', 'ada', { type: 'CompleteLesson', data: { lesson, steps: [] } })
/** What no browser can compress: only that takes up room. */
const noise = (length) => Array.from({ length }, () => String.fromCharCode(33 + Math.floor(Math.random() * 90))).join('')
const unsynced = (page) => page.evaluate(() => log.storage.report.unsynced)

test('every tab knows how much is on this device only, and since when', { timeout: 60_000 }, async (test) => {
  const sync = syncWith(server.url, 'risk')
  const pages = []
  for (let tab = 0; tab < 2; tab++) {
    const page = await openPage(device.context, site)
    atEnd(test, () => page.close())
    await openLog(page, { name: 'risk', sync })
    pages.push(page)
  }
  const [first, second] = pages
  await first.evaluate(() => log.sync.pause())
  const { events } = await complete(first, 'l1')
  await complete(first, 'l2')
  const oldest = events[0].metadata.occurredAt
  for (const page of pages) await until('both to be known', async () => (await unsynced(page)).commits === 2)
  for (const page of pages) assert.deepEqual(await unsynced(page), { commits: 2, events: 2, oldest })

  await second.evaluate(() => log.sync.resume())
  for (const page of pages) await until('nothing to be at risk', async () => (await unsynced(page)).commits === 0)
  for (const page of pages) assert.deepEqual(await unsynced(page), { commits: 0, events: 0 })
})

test('the browser asks before a page is closed that has something unsynced, and only then', { timeout: 60_000 }, async (test) => {
  const page = await openPage(device.context, site)
  atEnd(test, () => page.close())
  const asked = []
  page.on('dialog', (dialog) => {
    asked.push(dialog.type())
    void dialog.accept()
  })
  // a browser asks only for a page that somebody has used
  const use = () => page.mouse.click(5, 5)
  await openLog(page, { name: 'close', warnBeforeClose: true, sync: syncWith(server.url, 'close') })
  await inStep(page)
  await use()
  await page.reload()
  await page.waitForFunction(() => globalThis.ready)
  assert.deepEqual(asked, [])

  await openLog(page, { name: 'close', warnBeforeClose: true, sync: syncWith(server.url, 'close') })
  await page.evaluate(() => log.sync.pause())
  await complete(page, 'l1')
  await use()
  await page.reload()
  await page.waitForFunction(() => globalThis.ready)
  assert.deepEqual(asked, ['beforeunload'])
})

test('a full storage: the work gets to the server all the same, the app is told, and with room again all is as it was', { timeout: 120_000 }, async (test) => {
  // An origin that has not stored anything: Chromium remembers for a while how much room an origin had.
  const origin = site.url.replace('127.0.0.1', 'localhost')
  const page = await openPage(device.context, { url: origin })
  atEnd(test, () => page.close())
  const session = await page.context().newCDPSession(page)
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 2_000_000 })
  await openLog(page, { name: 'full', sync: syncWith(server.url, 'full') })
  await inStep(page)
  await page.evaluate(() => log.sync.pause())
  const append = (number, filling) => page.evaluate(([number, filling]) => failure(() => log.append('mark-full', [{ type: 'Marked', data: { number, filling } }])), [number, filling])
  let written = 0
  let code
  while (code === undefined) {
    code = (await append(written, noise(200_000))).code
    if (code === undefined) written++
  }
  assert.equal(code, 'quota-exceeded')
  assert.ok(written > 0)

  // Somebody else's work comes first, and there is no room for it.
  const other = await openPage(device.context, site)
  atEnd(test, () => other.close())
  await openLog(other, { name: 'full', storage: 'memory', sync: syncWith(server.url, 'full') })
  await other.evaluate((filling) => log.append('mark-other', [{ type: 'Marked', data: { filling } }]), noise(800_000))
  await inStep(other)

  await page.evaluate(() => log.sync.resume())
  await until('the work to be at the server', async () => (await serverLog(`${server.url}/logs/full`)).length === written + 1)
  await until('the app to be told', async () => (await status(page)).error?.code === 'quota-exceeded', { otherwise: () => status(page) })
  assert.equal((await status(page)).state, 'waiting')
  assert.equal((await unsynced(page)).commits, written, 'it is known as unsynced until its confirmation can be written')

  await session.send('Storage.overrideQuotaForOrigin', { origin })
  await page.evaluate(() => (log.sync.pause(), log.sync.resume()))
  await inStep(page)
  assert.equal((await status(page)).error, undefined)
  assert.equal((await serverLog(`${server.url}/logs/full`)).length, written + 1)
})
