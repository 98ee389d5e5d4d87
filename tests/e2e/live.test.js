/** News as they come: how soon a second device shows a change, and what happens where streams do not get through. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { asksForStream, asksToWait, startBetween } from './kit/between.js'
import { execute, openLog, openPage, startDevice, status, syncWith } from './kit/device.js'
import { atEnd } from './kit/ending.js'
import { scratch } from './kit/scratch.js'
import { startServer } from './kit/server.js'
import { startSite } from './kit/site.js'
import { until } from './kit/until.js'

/** So seldom that nothing is found by looking. */
const seldom = 86_400_000

async function world(test, options) {
  const folder = scratch(test)
  const site = await startSite()
  atEnd(test, () => site.close())
  const start = (port) => startServer({ database: join(folder, 'server.sqlite'), port, options })
  const it = { folder, site, server: await start() }
  atEnd(test, () => it.server.stop())
  it.restart = async () => {
    const { port } = it.server
    await it.server.kill()
    it.server = await start(port)
  }
  it.device = async (name) => {
    const device = await startDevice(join(folder, name), site)
    atEnd(test, () => device.close())
    return device
  }
  return it
}

/** Opens a log that finds nothing by looking, and shows when it shows which lesson. */
const watch = async (page, url, more = {}) => {
  await openLog(page, { name: 'academy', sync: syncWith(url, 'academy', { pollInterval: seldom, ...more }) })
  await page.evaluate(() => {
    globalThis.shownAt = {}
    log.view(domain.progress, 'course-ada').subscribe((row) => {
      for (const lesson of row?.lessons ?? []) globalThis.shownAt[lesson] ??= Date.now()
    })
  })
}

const way = (page, wanted) =>
  until(`hearing of news by ${wanted}`, async () => (await status(page)).live === wanted, { otherwise: () => status(page) })

/** Completes a lesson here; resolves to the milliseconds until it shows there. */
async function took(here, there, lesson) {
  const began = await here.evaluate(async (lesson) => {
    const began = Date.now()
    await log.execute(domain.course, 'ada', { type: 'CompleteLesson', data: { lesson } })
    return began
  }, lesson)
  const shown = await until(`lesson ${lesson} on the other device`, () => there.evaluate((lesson) => globalThis.shownAt[lesson], lesson), {
    otherwise: () => status(there),
  })
  return shown - began
}

test('a second device shows a change as soon as it is pushed', { timeout: 120_000 }, async (test) => {
  const it = await world(test)
  const [phone, tablet] = [await it.device('phone'), await it.device('tablet')]
  for (const { page } of [phone, tablet]) await watch(page, it.server.url)
  for (const { page } of [phone, tablet]) await way(page, 'stream')
  const times = []
  for (let round = 0; round < 20; round++) times.push(await took(phone.page, tablet.page, `l${round}`))
  times.sort((one, other) => one - other)
  test.diagnostic(`from the command on one device to the view on the other: median ${times[10]} ms, longest ${times[19]} ms`)
  assert.ok(times[10] < 2_000, `the median of ${times} is not under 2 s`)

  await test.test('and after the server died and came back', async () => {
    await it.restart()
    // Whoever has something to say tells that the server is there again; the other finds out by itself.
    await took(phone.page, tablet.page, 'after')
    for (const { page } of [phone, tablet]) await way(page, 'stream')
    await took(tablet.page, phone.page, 'back')
  })
})

/** A stream that does not begin within 10 s is given up: here after half a second. */
const impatient = (page) =>
  page.evaluate(() => {
    const { setTimeout } = globalThis
    globalThis.setTimeout = (run, time, ...more) => setTimeout(run, time === 10_000 ? 500 : time, ...more)
  })

for (const [what, rule, expected] of [
  ['holds streams back', { matches: asksForStream, does: 'hold' }, 'long-poll'],
  ['cuts streams', { matches: asksForStream, does: 'cut' }, 'long-poll'],
  ['answers with a page of its own', { matches: asksForStream, does: 'page' }, 'long-poll'],
]) {
  test(`something between ${what}: news come by answers that wait`, { timeout: 120_000 }, async (test) => {
    const it = await world(test)
    const between = await startBetween(it.server.url)
    atEnd(test, () => between.close())
    between.rule = rule
    const [phone, tablet] = [await it.device('phone'), await it.device('tablet')]
    await impatient(tablet.page)
    await watch(phone.page, it.server.url)
    // It looks at the server after each break, and so goes on to the next way.
    await watch(tablet.page, between.url)
    await way(tablet.page, expected)
    await took(phone.page, tablet.page, 'l1')
    await took(phone.page, tablet.page, 'l2')
    assert.equal((await status(tablet.page)).live, expected)
  })
}

test('something between lets neither through: it looks now and then', { timeout: 120_000 }, async (test) => {
  const it = await world(test)
  const between = await startBetween(it.server.url)
  atEnd(test, () => between.close())
  between.rule = { matches: (request) => asksForStream(request) || asksToWait(request), does: 'page' }
  const { page } = await it.device('phone')
  const tablet = await it.device('tablet')
  await watch(page, it.server.url)
  await watch(tablet.page, between.url, { pollInterval: 200 })
  await took(page, tablet.page, 'l1')
  await took(page, tablet.page, 'l2')
  assert.equal((await status(tablet.page)).live, 'poll')
  assert.ok(between.asked < 10, `${between.asked} streams were asked for in vain`)
})

test('tabs hold one stream; offline, paused and closed none', { timeout: 120_000 }, async (test) => {
  const it = await world(test)
  const between = await startBetween(it.server.url)
  atEnd(test, () => between.close())
  const { context, page } = await it.device('phone')
  const pages = [page, await openPage(context, it.site), await openPage(context, it.site)]
  for (const page of pages) await watch(page, between.url)
  // Tabs that follow show how the leading one hears.
  for (const page of pages) await way(page, 'stream')
  assert.equal(between.streams, 1)
  const none = () => until('no stream', () => between.streams === 0)
  const one = async () => {
    for (const page of pages) await way(page, 'stream')
    assert.equal(between.streams, 1)
  }
  await pages[2].evaluate(() => log.sync.pause())
  await none()
  await pages[2].evaluate(() => log.sync.resume())
  await one()
  await context.setOffline(true)
  await none()
  for (const page of pages) await way(page, 'poll')
  await context.setOffline(false)
  await one()
  await execute(page, 'course', 'ada', { type: 'CompleteLesson', data: { lesson: 'l1' } })
  for (const page of pages) await page.evaluate(() => log.close())
  await none()
})
