/** What was decided offline is sent by the service worker when there is a network, with no page open. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { events, execute, openLog, openPage, startDevice, status, syncWith } from './kit/device.js'
import { atEnd } from './kit/ending.js'
import { assertSameLog, assertWhole, serverLog } from './kit/log.js'
import { scratch } from './kit/scratch.js'
import { startServer } from './kit/server.js'
import { startSite } from './kit/site.js'
import { until } from './kit/until.js'

const tag = 'tidelog:academy'

test('the service worker sends what waits when all pages are closed, once', { timeout: 120_000 }, async (test) => {
  const folder = scratch(test)
  const site = await startSite()
  atEnd(test, () => site.close())
  const database = join(folder, 'server.sqlite')
  const before = await startServer({ database })
  await before.stop()
  const sync = syncWith(before.url)
  const { context, page, close } = await startDevice(join(folder, 'profile'), site)
  atEnd(test, close)
  await context.grantPermissions(['background-sync'], { origin: site.url })
  await page.evaluate(async ({ url, token }) => {
    await navigator.serviceWorker.register(`/worker.js?${new URLSearchParams({ url, token })}`, { type: 'module' })
    await navigator.serviceWorker.ready
  }, sync)
  await openLog(page, { name: 'academy', sync, backgroundSync: true })
  for (const lesson of ['l1', 'l2', 'l3']) await execute(page, 'course', 'ada', { type: 'CompleteLesson', data: { lesson } })
  const tags = () => page.evaluate(async () => (await (await navigator.serviceWorker.ready).sync.getTags()))
  await until('the browser being asked', async () => (await tags()).includes(tag), { otherwise: tags })
  assert.equal((await status(page)).pending.commits, 3)

  const elsewhere = await context.newPage()
  await page.close()
  const server = await startServer({ database, port: before.port })
  atEnd(test, () => server.stop())
  const onServer = () => serverLog(`${server.url}/logs/academy`)
  // The browser tries again in its own time, in minutes: here it is told to.
  const tools = await context.newCDPSession(elsewhere)
  const registered = new Promise((resolve) => tools.on('ServiceWorker.workerRegistrationUpdated', ({ registrations: [one] }) => one && resolve(one.registrationId)))
  await tools.send('ServiceWorker.enable')
  const dispatch = async () => tools.send('ServiceWorker.dispatchSyncEvent', { origin: site.url, registrationId: await registered, tag, lastChance: false })
  await dispatch()
  await until('the server having all', async () => (await onServer()).length === 3)

  // And once more, for nothing.
  await dispatch()
  const again = await openPage(context, site)
  await openLog(again, { name: 'academy', sync })
  await until('the page knowing it', async () => (await status(again)).pending.commits === 0)
  const log = await onServer()
  assertWhole(log)
  assert.deepEqual(log.map(({ data }) => data.lesson), ['l1', 'l2', 'l3'])
  assertSameLog(await events(again), log)
  assert.deepEqual(await again.evaluate(() => errors), [])
})
