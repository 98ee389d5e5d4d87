/** A tab that the browser freezes in earnest, or that acts on what it knew before: another one goes on, and nothing is written wrongly. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { events, execute, inStep, openLog, openPage, startDevice, status, syncWith } from './kit/device.js'
import { startBareBrowser } from './kit/devtools.js'
import { atEnd } from './kit/ending.js'
import { assertSameLog, assertWhole, serverLog } from './kit/log.js'
import { scratch } from './kit/scratch.js'
import { startServer } from './kit/server.js'
import { startSite } from './kit/site.js'
import { until } from './kit/until.js'

async function world(test, { pollInterval = 500 } = {}) {
  const folder = scratch(test)
  const site = await startSite()
  atEnd(test, () => site.close())
  const server = await startServer({ database: join(folder, 'server.sqlite') })
  atEnd(test, () => server.stop())
  return { site, profile: join(folder, 'profile'), options: { name: 'academy', sync: { ...syncWith(server.url), pollInterval } }, onServer: () => serverLog(`${server.url}/logs/academy`) }
}

const lessonsOf = (log) => log.map(({ data }) => data.lesson)

test('the leading tab is frozen: another one leads at once, and the frozen one does no harm when it thaws', { timeout: 120_000 }, async (test) => {
  const { site, profile, options, onServer } = await world(test, { pollInterval: 60_000 })
  const browser = await startBareBrowser(profile)
  atEnd(test, () => browser.close())
  const tab = async () => {
    const page = await browser.open(site.url)
    await until('the page being ready', () => page.evaluate(() => globalThis.ready === true))
    await page.evaluate(async (options) => {
      // What it begins at its database, and when it last did.
      globalThis.begun = { running: 0, at: 0 }
      const { transaction } = IDBDatabase.prototype
      IDBDatabase.prototype.transaction = function (...given) {
        const made = transaction.apply(this, given)
        const over = () => void globalThis.begun.running--
        globalThis.begun.running++
        globalThis.begun.at = performance.now()
        made.addEventListener('complete', over)
        made.addEventListener('abort', over)
        return made
      }
      await open(options)
      globalThis.ticks = 0
      setInterval(() => globalThis.ticks++, 10)
    }, options)
    return page
  }
  const leads = (page) => page.evaluate(() => log.sync.status.leader)
  const complete = (page, lesson) => page.evaluate((lesson) => log.execute(domain.course, 'ada', { type: 'CompleteLesson', data: { lesson } }).then(() => {}), lesson)
  const settled = (page, lessons) =>
    until(`a page having ${lessons} lessons confirmed`, async () => {
      const { pending, confirmed } = await page.evaluate(async () => ({ pending: log.sync.status.pending.commits, confirmed: (await log.read({ confirmedOnly: true }).toArray()).length }))
      return pending === 0 && confirmed === lessons
    })

  const first = await tab()
  await until('the first tab leading', () => leads(first))
  const second = await tab()
  await second.evaluate(() => void log.sync.subscribe(({ leader }) => leader && (globalThis.ledSince ??= Date.now())))

  // A browser spares a page that holds its database just then. The tools don't ask: so they wait until it does nothing.
  await until('the first tab having nothing to do', () => first.evaluate(() => globalThis.begun.running === 0 && performance.now() - globalThis.begun.at > 1_000))
  const froze = Date.now()
  await first.setState('frozen')
  await until('the second tab leading', () => leads(second))
  const took = (await second.evaluate(() => globalThis.ledSince)) - froze
  test.diagnostic(`handed over within ${took} ms of the tab being frozen`)
  assert.ok(took < 10_000, `${took} ms`)

  const ticks = await first.evaluate(() => globalThis.ticks)
  await complete(second, 'l1')
  await settled(second, 1)
  assert.equal(await first.evaluate(() => globalThis.ticks), ticks, 'it is frozen in earnest: no timer of it runs')

  await first.setState('active')
  await until('the first tab being awake', async () => (await first.evaluate(() => globalThis.ticks)) > ticks)
  await complete(first, 'l2')
  await settled(first, 2)
  await settled(second, 2)
  assert.deepEqual([await leads(first), await leads(second)], [false, true])
  assert.deepEqual(lessonsOf(await onServer()), ['l1', 'l2'])

  await second.close()
  await until('the thawed tab leading again', () => leads(first))
  await complete(first, 'l3')
  await settled(first, 3)
  const log = await onServer()
  assertWhole(log)
  assert.deepEqual(lessonsOf(log), ['l1', 'l2', 'l3'])
  assert.deepEqual(await first.evaluate(() => globalThis.errors), [])
})

test('a tab that leads no longer and does not know it: what it writes is refused and done again on what there is', { timeout: 120_000 }, async (test) => {
  const { site, profile, options, onServer } = await world(test)
  const { context, page: stale, close } = await startDevice(profile, site)
  atEnd(test, close)
  // It holds no lock, hears no other tab, and waits for the answer to a push: what a page is that was stopped just then.
  await stale.evaluate(async ({ name, sync }) => {
    globalThis.waiting = []
    globalThis.refusals = 0
    const { abort } = IDBTransaction.prototype
    IDBTransaction.prototype.abort = function () {
      globalThis.refusals++
      return abort.call(this)
    }
    const withheld = async (url, init) => {
      const answer = await fetch(url, init)
      if (init.method === 'POST' && globalThis.waiting) await new Promise((release) => globalThis.waiting.push(release))
      return answer
    }
    await open({ name, sync: { ...sync, live: false, fetch: withheld }, environment: { locks: undefined, channel: undefined } })
  }, options)
  await execute(stale, 'course', 'ada', { type: 'CompleteLesson', data: { lesson: 'l1' } })
  await until('the server having it while its answer is withheld', () => stale.evaluate(() => globalThis.waiting.length > 0))

  const fresh = await openPage(context, site)
  await openLog(fresh, options)
  await until('the other tab leading', async () => (await status(fresh)).leader)
  await inStep(fresh)
  await execute(fresh, 'course', 'ada', { type: 'CompleteLesson', data: { lesson: 'l2' } })
  await inStep(fresh)
  assert.deepEqual(lessonsOf(await onServer()), ['l1', 'l2'])

  // Its append: on the version that it knows, and on whatever version there is.
  const exact = await stale.evaluate(() => failure(() => log.append('course-ada', [{ type: 'LessonCompleted', data: { lesson: 'never' } }], { expectedVersion: 1 })))
  assert.deepEqual({ code: exact.code, actual: exact.details.actual, missing: lessonsOf(exact.details.missing) }, { code: 'version-conflict', actual: 2, missing: ['l2'] })
  const { version } = await execute(stale, 'course', 'ada', { type: 'CompleteLesson', data: { lesson: 'l3' } })
  assert.equal(version, 3)
  // More that it does not know of, so that what the answer brings is written on a view that is old.
  await execute(fresh, 'course', 'ada', { type: 'CompleteLesson', data: { lesson: 'l4' } })
  await inStep(fresh)

  await stale.evaluate(() => {
    for (const release of globalThis.waiting) release()
    globalThis.waiting = undefined
  })
  for (const page of [stale, fresh]) await inStep(page)
  test.diagnostic(`${await stale.evaluate(() => globalThis.refusals)} writes were refused and taken back`)
  const log = await onServer()
  assertWhole(log)
  assert.deepEqual(lessonsOf(log), ['l1', 'l2', 'l3', 'l4'])
  for (const page of [stale, fresh]) {
    await until('the tab showing what the server has', async () => (await events(page, { confirmedOnly: true })).length === log.length)
    assertSameLog(await events(page), log)
    assert.deepEqual(await page.evaluate(() => errors), [])
  }
})

test('a tab that the browser makes as a copy of another is a tab of its own', { timeout: 60_000 }, async (test) => {
  const { site, profile, options, onServer } = await world(test)
  const { context, page, close } = await startDevice(profile, site)
  atEnd(test, close)
  await openLog(page, options)
  await until('the tab leading', async () => (await status(page)).leader)
  await page.evaluate(() => {
    sessionStorage.setItem('mine', 'copied')
    const link = Object.assign(document.createElement('a'), { href: '/', target: '_blank', rel: 'opener', textContent: 'another' })
    document.body.append(link)
  })
  const [copy] = await Promise.all([context.waitForEvent('page'), page.click('text=another')])
  await copy.waitForFunction(() => globalThis.ready)
  assert.equal(await copy.evaluate(() => sessionStorage.getItem('mine')), 'copied', 'the browser copied what the tab keeps for itself')
  await openLog(copy, options)
  for (const [tab, lesson] of [[page, 'l1'], [copy, 'l2']]) await execute(tab, 'course', 'ada', { type: 'CompleteLesson', data: { lesson } })
  for (const tab of [page, copy]) await inStep(tab)
  const log = await events(copy)
  assert.equal(new Set(log.map(({ metadata }) => metadata.sessionId)).size, 2, 'each has a session of its own')
  assert.equal(new Set(log.map(({ metadata }) => metadata.deviceId)).size, 1)
  assert.deepEqual([(await status(page)).leader, (await status(copy)).leader], [true, false])
  assertSameLog(log, await onServer())
})
