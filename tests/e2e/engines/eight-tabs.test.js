/** Many tabs at once on one device, and another device in another browser: in each engine, all come to show the same. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { events, execute, inStep, openLog, status, syncWith } from '../kit/device.js'
import { atEnd } from '../kit/ending.js'
import { engines, startScreen } from '../kit/engines.js'
import { assertSameLog, assertWhole, serverLog } from '../kit/log.js'
import { scratch } from '../kit/scratch.js'
import { startServer } from '../kit/server.js'
import { startSite } from '../kit/site.js'
import { until } from '../kit/until.js'

const pairs = [
  ['chromium', 'firefox'],
  ['firefox', 'webkit'],
  ['webkit', 'chromium'],
]

for (const [ours, others] of pairs) {
  test(`eight tabs in ${ours} and a device with ${others} converge`, { timeout: 300_000 }, async (test) => {
    const folder = scratch(test)
    const site = await startSite()
    atEnd(test, () => site.close())
    const server = await startServer({ database: join(folder, 'server.sqlite') })
    atEnd(test, () => server.stop())
    const device = async (engine, name, tabs) => {
      const device = await engines[engine](join(folder, name), site, { tabs, screen: await startScreen(test, engine) })
      atEnd(test, () => device.close())
      return device.pages
    }
    const phone = await device(ours, 'phone', 8)
    const [tablet] = await device(others, 'tablet', 1)
    const all = [...phone, tablet]

    const options = { name: 'academy', sync: syncWith(server.url) }
    await openLog(phone[0], options)
    // The last is a copy of the first, as browsers copy a tab: with its sessionStorage.
    const remembered = await phone[0].evaluate(() => Object.entries(sessionStorage))
    await phone[7].evaluate((entries) => entries.forEach(([key, value]) => sessionStorage.setItem(key, value)), remembered)
    for (const page of all.slice(1)) await openLog(page, options)

    await Promise.all(
      all.map(async (page, tab) => {
        for (let lesson = 0; lesson < 10; lesson++) await execute(page, 'course', 'ada', { type: 'CompleteLesson', data: { lesson: `${tab}/${lesson}` } })
      }),
    )
    for (let round = 0; round < 2; round++) for (const page of all) await inStep(page)
    const onServer = await serverLog(`${server.url}/logs/academy`)
    assertWhole(onServer)
    assert.equal(onServer.length, 90)
    for (const [index, page] of all.entries()) assertSameLog(await events(page), onServer, `page ${index}`)
    const leads = async (page) => (await status(page)).leader
    await until('one tab leading', async () => (await Promise.all(phone.map(leads))).filter(Boolean).length === 1)
    for (const page of all) assert.deepEqual(await page.evaluate(() => errors), [])
  })
}
