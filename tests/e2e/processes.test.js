/** Process managers in real browsers: four tabs and two devices, each effect once. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { events, execute, inStep, openLog, openPage, startDevice, syncWith } from './kit/device.js'
import { atEnd } from './kit/ending.js'
import { assertSameLog, serverLog } from './kit/log.js'
import { scratch } from './kit/scratch.js'
import { startServer } from './kit/server.js'
import { startSite } from './kit/site.js'
import { until } from './kit/until.js'

/** Waits until the process acts on what comes, and no longer only takes history in. */
const acting = (page) =>
  until('the process acting', () => page.evaluate(async () => (await log.processes.status(domain.certification)).acting), {
    otherwise: () => page.evaluate(() => log.processes.status(domain.certification)),
  })

const complete = (page, id, lesson) => execute(page, 'course', id, { type: 'CompleteLesson', data: { lesson } })

/** What has come of the process, sorted: `certificate-l1 Given`, … */
const effects = (log) => log.filter(({ stream }) => /^(certificate|badge|inbox)-/.test(stream)).map(({ stream, type }) => `${stream} ${type}`).sort()

/** What must come of it: a certificate and a badge for each learner, and a reminder for each that was idle. */
const expected = (learners, idle) =>
  [...learners.flatMap((learner) => [`badge-${learner} Given`, `certificate-${learner} Given`]), ...idle.map((learner) => `inbox-${learner} Reminded`)].sort()

/** Waits until all of it has come, then says so exactly. */
async function come(pages, wanted) {
  for (const page of pages) {
    await until('all effects', async () => effects(await events(page)).length >= wanted.length, {
      within: 60_000,
      otherwise: async () => ({ effects: effects(await events(page)), status: await page.evaluate(() => log.processes.status(domain.certification)), errors: await page.evaluate(() => errors) }),
    })
    assert.deepEqual(effects(await events(page)), wanted)
  }
}

const named = (prefix, count) => Array.from({ length: count }, (_, number) => `${prefix}${number}`)

for (const locks of [true, false]) {
  test(`four tabs ${locks ? '' : 'without locks '}act on the same events, one of them is closed in the middle: each effect once`, { timeout: 180_000 }, async (test) => {
    const site = await startSite()
    atEnd(test, () => site.close())
    const device = await startDevice(join(scratch(test), 'profile'), site)
    atEnd(test, () => device.close())
    const pages = [device.page, ...(await Promise.all([1, 2, 3].map(() => openPage(device.context, site))))]
    for (const page of pages) await openLog(page, { name: 'academy', certifies: true, locks })
    for (const page of pages) await acting(page)

    const [learners, idle] = [named('l', 12), named('i', 4)]
    await Promise.all(idle.map((learner, index) => complete(pages[index % 4], learner, 'l1')))
    const done = learners.map((learner, index) => complete(pages[index % 4], learner, 'last'))
    await Promise.all(done)
    // The first tab asked for the lock first: whatever it was at, another one goes on.
    await pages.shift().close()
    await come(pages, expected(learners, idle))
    const instances = () => pages[0].evaluate(() => log.processes.list(domain.certification))
    await until('every step settled', async () => (await instances()).every(({ steps }) => steps.every(({ state }) => state === 'done')), { otherwise: instances })
    assert.deepEqual(effects(await events(pages[0])), expected(learners, idle))
  })
}

test('two devices, one of them with four tabs, act on what both confirm: each effect once', { timeout: 180_000 }, async (test) => {
  const folder = scratch(test)
  const site = await startSite()
  atEnd(test, () => site.close())
  const server = await startServer({ database: join(folder, 'server.sqlite') })
  atEnd(test, () => server.stop())
  const [phone, tablet] = await Promise.all(['phone', 'tablet'].map((name) => startDevice(join(folder, name), site)))
  atEnd(test, () => Promise.all([phone.close(), tablet.close()]))
  const onTablet = [tablet.page, ...(await Promise.all([1, 2, 3].map(() => openPage(tablet.context, site))))]
  const pages = [phone.page, ...onTablet]
  for (const page of pages) await openLog(page, { name: 'academy', certifies: true, sync: syncWith(server.url) })
  for (const page of pages) await acting(page)

  const [learners, idle] = [named('l', 8), named('i', 4)]
  await Promise.all(idle.map((learner, index) => complete(pages[index], learner, 'l1')))
  await Promise.all(learners.map((learner, index) => complete(pages[index % pages.length], learner, 'last')))
  await come(pages, expected(learners, idle))
  for (const page of [phone.page, onTablet[0]]) await inStep(page)
  const onServer = await serverLog(`${server.url}/logs/academy`)
  const commits = new Map(onServer.map(({ commitId, stream }) => [commitId, stream]))
  for (const { commitId, stream } of onServer) assert.equal(stream, commits.get(commitId), 'a commit stands in two streams')
  await until('both devices hold what the server holds', async () => {
    const logs = await Promise.all([phone.page, onTablet[0]].map((page) => events(page, { confirmedOnly: true })))
    const there = await serverLog(`${server.url}/logs/academy`)
    return logs.every((log) => log.length === there.length)
  })
  const there = await serverLog(`${server.url}/logs/academy`)
  for (const page of [phone.page, onTablet[0]]) assertSameLog(await events(page, { confirmedOnly: true }), there)
  for (const page of pages) assert.deepEqual(await page.evaluate(() => log.rejected.list()), [], 'what a process lost is nobody’s to resolve')
})
