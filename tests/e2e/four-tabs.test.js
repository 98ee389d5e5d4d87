/** Several tabs of one browser on one database, all writing at once. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { startBrowser } from './kit/browser.js'
import { events, inStep, openLog, openPage, status, syncWith } from './kit/device.js'
import { atEnd } from './kit/ending.js'
import { assertSameLog, assertWhole, serverLog } from './kit/log.js'
import { scratch } from './kit/scratch.js'
import { startServer } from './kit/server.js'
import { startSite } from './kit/site.js'
import { until } from './kit/until.js'

const streams = 10

async function fourTabs(test, options) {
  const folder = scratch(test)
  const site = await startSite()
  atEnd(test, () => site.close())
  const browser = await startBrowser(join(folder, 'profile'))
  atEnd(test, () => browser.close())
  const pages = await Promise.all([1, 2, 3, 4].map(() => openPage(browser.context, site)))
  await Promise.all(pages.map((page) => openLog(page, options)))
  return pages
}

/**
 * A tab's share: `commits` commits, in turn over the streams and beginning at a different one per tab, half by command and half by
 * append, ten under way at a time. Resolves to what went wrong.
 */
const write = (page, tab, commits) =>
  page.evaluate(
    async ([tab, commits, streams]) => {
      const failures = []
      let next = 0
      const writer = async () => {
        while (next < commits) {
          const number = next++
          const id = `s${(number + tab * 3) % streams}`
          try {
            if (number % 2 === 0) await log.execute(domain.course, id, { type: 'CompleteLesson', data: { lesson: `${tab}/${number}` } })
            else await log.append(`course-${id}`, [{ type: 'LessonCompleted', data: { lesson: `${tab}/${number}` } }])
          } catch (error) {
            failures.push(`${tab}/${number}: ${error.code ?? error.name}: ${error.message}`)
          }
        }
      }
      await Promise.all(Array.from({ length: 10 }, writer))
      return failures
    },
    [tab, commits, streams],
  )

/** Every lesson of every tab stands once in the log; what all four tabs show is the same. */
async function agree(pages, commits) {
  const [log, ...others] = await Promise.all(pages.map((page) => events(page)))
  assert.deepEqual(log.map(({ data }) => data.lesson).sort(), expected(commits))
  for (const other of others) assert.deepEqual(other, log)
  const [rows, ...otherRows] = await Promise.all(pages.map((page) => page.evaluate(() => log.rows(domain.progress))))
  assert.equal(rows.length, streams)
  for (const [stream, { lessons }] of rows) {
    assert.deepEqual(lessons, log.filter((event) => event.stream === stream).map(({ data }) => data.lesson))
  }
  for (const other of otherRows) assert.deepEqual(other, rows)
  return log
}

const expected = (commits) => [1, 2, 3, 4].flatMap((tab) => Array.from({ length: commits }, (_, number) => `${tab}/${number}`)).sort()

/** Counts the lessons that a live view shows, without asking for them: other tabs' changes have to come by themselves. */
const watch = (page) =>
  page.evaluate(() => {
    globalThis.shown = 0
    log.view(domain.progress).subscribe((rows = []) => {
      globalThis.shown = rows.reduce((sum, [, { lessons }]) => sum + lessons.length, 0)
    })
  })

const shown = (page) => page.evaluate(() => globalThis.shown)

test('four tabs append 250 commits each to 10 streams at once: no hole, no double, all show the same', { timeout: 180_000 }, async (test) => {
  const pages = await fourTabs(test, { name: 'shared' })
  await Promise.all(pages.map(watch))
  const started = Date.now()
  const failures = await Promise.all(pages.map((page, index) => write(page, index + 1, 250)))
  test.diagnostic(`1,000 commits by four tabs in ${Date.now() - started} ms`)
  assert.deepEqual(failures.flat(), [])
  await until(
    'every tab showing all lessons',
    async () => (await Promise.all(pages.map(shown))).every((count) => count === 1_000),
    { otherwise: () => Promise.all(pages.map(shown)) },
  )
  const log = await agree(pages, 250)
  assertWhole(log)
  assert.equal(new Set(log.map(({ commitId }) => commitId)).size, 1_000)

  await test.test('and a tab that is opened afterwards reads the same', async () => {
    const page = await openPage(pages[0].context(), { url: new URL(pages[0].url()).origin })
    await openLog(page, { name: 'shared' })
    assert.deepEqual(await events(page), log)
  })
})

test('four tabs that sync: one speaks with the server, another takes over when it is closed, all arrives once', { timeout: 180_000 }, async (test) => {
  const server = await startServer({ database: join(scratch(test), 'server.sqlite') })
  atEnd(test, () => server.stop())
  const pages = await fourTabs(test, { name: 'shared', sync: syncWith(server.url) })
  const leading = async () => {
    const leaders = []
    for (const page of pages) if ((await status(page)).leader) leaders.push(page)
    return leaders
  }
  const [leader] = await until('one leader', async () => ((await leading()).length === 1 ? leading() : undefined))

  const written = await Promise.all(pages.map((page, index) => write(page, index + 1, 50)))
  assert.deepEqual(written.flat(), [])
  await leader.close()
  pages.splice(pages.indexOf(leader), 1)
  await until('another leader', async () => (await leading()).length === 1)
  for (const page of pages) await inStep(page)

  const log = await agree(pages, 50)
  assertWhole(log)
  const onServer = await serverLog(`${server.url}/logs/academy`)
  assertSameLog(log, onServer)
})
