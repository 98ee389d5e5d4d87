/** A browser profile is copied while work waits in it, and both copies are used: both get along, under ids of their own. */
import assert from 'node:assert/strict'
import { cp } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { events, execute, inStep, load, openLog, rejected, startDevice, status, syncWith } from './kit/device.js'
import { atEnd } from './kit/ending.js'
import { assertSameLog, assertWhole, serverLog } from './kit/log.js'
import { scratch } from './kit/scratch.js'
import { startServer } from './kit/server.js'
import { startSite } from './kit/site.js'

const complete = ({ page }, lesson) => execute(page, 'course', 'ada', { type: 'CompleteLesson', data: { lesson } })
const deviceId = ({ page }) => page.evaluate(() => log.deviceId)

test('a copied profile goes on as a device of its own, and nothing is lost or doubled', { timeout: 180_000 }, async (test) => {
  const folder = scratch(test)
  const site = await startSite()
  atEnd(test, () => site.close())
  const server = await startServer({ database: join(folder, 'server.sqlite') })
  atEnd(test, () => server.stop())
  const [profile, copy] = ['profile', 'copy'].map((name) => join(folder, name))
  const options = { name: 'academy', sync: syncWith(server.url) }

  const first = await startDevice(profile, site)
  let id
  try {
    await openLog(first.page, options)
    await complete(first, 'l1')
    await inStep(first.page)
    await first.context.setOffline(true)
    await complete(first, 'l2')
    id = await deviceId(first)
  } finally {
    await first.close()
  }
  // What only says that a browser runs on a profile does not belong to the copy.
  await cp(profile, copy, { recursive: true, filter: (path) => !basename(path).startsWith('Singleton') })

  const devices = await Promise.all([profile, copy].map((one) => startDevice(one, site)))
  atEnd(test, () => Promise.all(devices.map((device) => device.close())))
  const [original, twin] = devices
  for (const { page } of devices) await openLog(page, options)
  // Whoever is behind is found out by its next push; it may be ahead once, but not twice.
  for (const lessons of [['l3', 'l4'], ['l5', 'l6'], ['l7', 'l8']]) {
    await complete(original, lessons[0])
    await complete(twin, lessons[1])
    for (const { page } of devices) await inStep(page)
  }
  await inStep(original.page)

  const log = await serverLog(`${server.url}/logs/academy`)
  assertWhole(log)
  const lessons = log.map(({ data }) => data.lesson)
  assert.deepEqual([...lessons].sort(), Array.from({ length: 8 }, (_, index) => `l${index + 1}`))
  const ids = await Promise.all(devices.map(deviceId))
  const [renamed, ...more] = (await Promise.all(devices.map(({ page }) => status(page)))).flatMap(({ renamed }) => renamed ?? [])
  assert.deepEqual(more, [], 'one of them takes another id')
  assert.equal(renamed.from, id)
  assert.deepEqual([...ids].sort(), [id, renamed.to].sort())
  assert.notEqual(renamed.to, id)
  const own = log.filter(({ deviceId }) => deviceId === renamed.to)
  assert.ok(own.length > 0, 'it decides under its own id from then on')
  for (const device of devices) {
    assertSameLog(await events(device.page, { confirmedOnly: true }), log)
    assert.deepEqual([...(await load(device.page, 'course', 'ada')).state.completed].sort(), [...lessons].sort())
    assert.deepEqual([await rejected(device.page), await device.page.evaluate(() => errors)], [[], []])
  }
})
