/** A question about a conflict stands in every tab, and an answer in one of them is the answer of all. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { events, inStep, openPage, startDevice, status, syncWith } from './kit/device.js'
import { atEnd } from './kit/ending.js'
import { assertSameLog, assertWhole, serverLog } from './kit/log.js'
import { scratch } from './kit/scratch.js'
import { startServer } from './kit/server.js'
import { startSite } from './kit/site.js'
import { until } from './kit/until.js'

/** Opens a log whose rule asks when a name was changed elsewhere. */
const openAsking = (page, options) =>
  page.evaluate(async (options) => {
    globalThis.plan = globalThis.tidelog.aggregate({
      name: 'plan',
      initialState: () => ({ title: '' }),
      decide: ({ data }) => ({ type: 'Renamed', data }),
      evolve: (_, { data }) => ({ title: data.title }),
      policies: { Rename: 'ask' },
    })
    await open({ ...options, aggregates: [globalThis.plan] })
    log.conflicts.subscribe((asked = []) => (globalThis.asked = asked.map(({ commitId }) => commitId)))
  }, options)

const rename = (page, title) =>
  page.evaluate(async (title) => {
    const { commitId, confirmed } = await log.execute(globalThis.plan, 'week', { type: 'Rename', data: { title } })
    globalThis.outcome = confirmed.then(({ status }) => status)
    return commitId
  }, title)

const askedIn = (page) => page.evaluate(() => globalThis.asked)

test('a question is answered in the other tab', { timeout: 120_000 }, async (test) => {
  const folder = scratch(test)
  const site = await startSite()
  atEnd(test, () => site.close())
  const server = await startServer({ database: join(folder, 'server.sqlite') })
  atEnd(test, () => server.stop())
  const options = { name: 'academy', sync: syncWith(server.url) }
  const phone = await startDevice(join(folder, 'phone'), site)
  atEnd(test, phone.close)
  const tabs = [phone.page, await openPage(phone.context, site)]
  for (const tab of tabs) await openAsking(tab, options)
  // Another device of the same person: another log on this one.
  const other = await openPage(phone.context, site)
  await openAsking(other, { ...options, name: 'tablet' })

  for (const page of [...tabs, other]) await inStep(page)
  await tabs[0].evaluate(() => log.sync.pause())
  await until('the sync being paused', async () => (await status(tabs[0])).state === 'paused')
  const asked = await rename(tabs[0], 'mine')
  await rename(other, 'theirs')
  await inStep(other)
  await tabs[0].evaluate(() => log.sync.resume())
  for (const [index, tab] of tabs.entries()) await until(`tab ${index} asking`, async () => (await askedIn(tab)).includes(asked))

  await tabs[1].evaluate((commitId) => log.conflicts.resolve(commitId, 'keep'), asked)
  for (const [index, tab] of tabs.entries()) await until(`tab ${index} asking no longer`, async () => (await askedIn(tab)).length === 0)
  const late = await tabs[0].evaluate((commitId) => failure(() => log.conflicts.resolve(commitId, 'discard')), asked)
  assert.equal(late.code, 'unknown-commit', 'who answers later hears that it is answered')
  for (const page of [...tabs, other]) await inStep(page)
  assert.match(await tabs[0].evaluate(() => globalThis.outcome), /^(confirmed|rebased)$/)
  const log = await serverLog(`${server.url}/logs/academy`)
  assertWhole(log)
  assert.deepEqual(log.map(({ data }) => data.title), ['theirs', 'mine'])
  for (const page of [...tabs, other]) {
    await until('the page having all', async () => (await events(page, { confirmedOnly: true })).length === log.length)
    assertSameLog(await events(page), log)
    assert.deepEqual(await page.evaluate(() => errors), [])
  }
})
