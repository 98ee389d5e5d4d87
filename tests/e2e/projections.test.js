/**
 * Three projections over real learning records: rebuilt with progress, given up, gone on with, loaded again in the middle. The data set
 * in the repository is repeated under other learners; `TIDELOG_E2E_EVENTS` says how many events at least.
 */
/* global views */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openPage, startDevice, visit } from './kit/device.js'
import { atEnd } from './kit/ending.js'
import { inRepository } from './kit/places.js'
import { scratch } from './kit/scratch.js'
import { startSite } from './kit/site.js'

const least = Number(process.env.TIDELOG_E2E_EVENTS ?? 100_000)

/** Opens the log with the projections at a version. */
const openAt = (page, version) =>
  page.evaluate(async (version) => {
    globalThis.records = await import('/oulad-projections.js')
    globalThis.views = records.three(version)
    const started = performance.now()
    await open({ name: 'oulad', aggregates: [], projections: views })
    return performance.now() - started
  }, version)

const statuses = (page) => page.evaluate(() => Promise.all(views.map((view) => log.projections.status(view))))

/** All rows of all projections, and the version that each row names. */
const rows = (page) => page.evaluate(() => Promise.all(views.map((view) => log.rows(view))))

const without = (tables) => tables.map((rows) => rows.map(([key, row]) => [key, { ...row, version: undefined }]))

const versions = (tables) => [...new Set(tables.flatMap((rows) => rows.map(([, { version }]) => version)))]

test(`a rebuild of three projections over ${least} events or more`, { timeout: 900_000 }, async (test) => {
  const site = await startSite({ folders: { '/data/': inRepository('tests/data/oulad') } })
  atEnd(test, () => site.close())
  const device = await startDevice(scratch(test), site)
  atEnd(test, () => device.close())
  const { page } = device
  const rate = (what, events, milliseconds) => test.diagnostic(`${what}: ${Math.round(milliseconds)} ms, ${Math.round((events / milliseconds) * 1_000)} events/s`)

  await openAt(page, 1)
  const { total, copies, took } = await page.evaluate(async (least) => {
    const names = ['assessments', 'studentRegistration', 'studentAssessment']
    const texts = await Promise.all(names.map(async (name) => (await fetch(`/data/${name}.csv`)).text()))
    const { commits, copies } = records.manyCommits(Object.fromEntries(names.map((name, index) => [name, texts[index]])), least)
    const started = performance.now()
    const { events } = await log.appendAll(commits)
    return { total: events, copies, took: performance.now() - started }
  }, least)
  assert.ok(total >= least)
  test.diagnostic(`${total} events: the records of the repository ${copies} times`)
  rate('append', total, took)

  const first = await page.evaluate(async () => {
    const [started, before] = [performance.now(), records.folded.events]
    for (const view of views) await log.projections.waitFor(view)
    return { took: performance.now() - started, events: records.folded.events - before }
  })
  // a part went in while the events were appended
  rate('the first time, one after the other', first.events, first.took)
  const before = await rows(page)
  assert.deepEqual(versions(before), [1])
  assert.equal(before[2].reduce((sum, [, { events }]) => sum + events, 0), total)
  // what is not stored yet is stored when there is time
  await page.evaluate(async () => {
    for (;;) {
      const all = await Promise.all(views.map((view) => log.projections.status(view)))
      if (all.every(({ stored, head }) => stored === head)) return
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })

  await test.test('a reload begins with the rows that are stored', async () => {
    await visit(page, site)
    await openAt(page, 1)
    const started = await page.evaluate(() => performance.now())
    assert.deepEqual(await rows(page), before)
    const { folded, now } = await page.evaluate(() => ({ folded: records.folded.events, now: performance.now() }))
    assert.equal(folded, 0)
    test.diagnostic(`${before.reduce((sum, rows) => sum + rows.length, 0)} rows of three projections loaded and handed over in ${Math.round(now - started)} ms`)
  })

  await test.test('queries, with an index and without', async () => {
    const times = await page.evaluate(async () => {
      const [learners] = views
      const timed = async (query) => {
        const started = performance.now()
        const page = await log.query(learners, query).ready
        return { count: page.count, first: page.rows[0]?.[0], took: performance.now() - started }
      }
      // the first one makes the index
      await timed({ where: { points: { gt: 0 } }, limit: 1 })
      return {
        indexed: await timed({ where: { points: { gte: 9_000 } }, orderBy: '-points', limit: 20 }),
        scanned: await timed({ where: { submitted: { gte: 3 } }, orderBy: '-submitted', limit: 20 }),
        ordered: await timed({ orderBy: '-points', limit: 20 }),
        again: await timed({ orderBy: '-points', limit: 20 }),
      }
    })
    const [learners] = before
    const best = learners.filter(([, { points }]) => points >= 9_000)
    assert.equal(times.indexed.count, best.length)
    assert.equal(times.scanned.count, learners.filter(([, { submitted }]) => submitted >= 3).length)
    assert.equal(times.ordered.count, learners.length)
    for (const [what, { took, count }] of Object.entries(times)) test.diagnostic(`query ${what}: ${took.toFixed(1)} ms, ${count} of ${learners.length} rows`)
  })

  await test.test('a rebuild tells its progress and can be given up; the old rows stay', async () => {
    await visit(page, site)
    await openAt(page, 2)
    const { told, reason } = await page.evaluate(async () => {
      const stop = new AbortController()
      const told = [[], [], []]
      const rebuilds = views.map((view, index) =>
        log.projections.rebuild(view, {
          signal: stop.signal,
          onProgress: ({ position, head }) => {
            told[index].push(position)
            if (told.every((one) => (one.at(-1) ?? 0) >= head / 3)) stop.abort(new Error('enough for now'))
          },
        }),
      )
      const ended = await Promise.allSettled(rebuilds)
      return { told, reason: ended.map(({ status, reason }) => `${status}: ${reason?.message}`) }
    })
    assert.deepEqual(reason, Array(3).fill('rejected: enough for now'))
    for (const one of told) {
      assert.ok(one.length > 2, `${one.length} times told`)
      assert.ok(one.every((position, index) => index === 0 || position > one[index - 1]), 'it only goes forward')
    }
    assert.deepEqual(await rows(page), before)
    for (const { state, rebuild } of await statuses(page)) {
      assert.equal(state, 'rebuilding')
      assert.ok(rebuild.position >= total / 3 && rebuild.position < total, `${rebuild.position} of ${total}`)
    }
  })

  await test.test('after a reload in the middle it goes on at the checkpoint, and swaps at the end', async () => {
    const left = (await statuses(page)).map(({ rebuild }) => rebuild.events)
    await visit(page, site)
    await openAt(page, 2)
    const { took, events, begun } = await page.evaluate(async () => {
      const begun = await Promise.all(views.map((view) => log.projections.status(view)))
      const started = performance.now()
      const done = await Promise.all(views.map((view) => log.projections.rebuild(view)))
      return { took: performance.now() - started, events: done.map(({ events }) => events), begun: begun.map(({ rebuild }) => rebuild?.events ?? 0) }
    })
    begun.forEach((events, index) => assert.ok(events >= left[index], `it begins at ${events}, and ${left[index]} were taken in before`))
    const after = await rows(page)
    assert.deepEqual(versions(after), [2])
    assert.deepEqual(without(after), without(before))
    const folded = await page.evaluate(() => records.folded.events)
    const all = events.reduce((sum, one) => sum + one, 0)
    assert.equal(folded, all - left.reduce((sum, one) => sum + one, 0), 'no event twice')
    rate('rebuild of the rest, three at once', folded, took)
    for (const { state, generation, rebuild } of await statuses(page)) assert.deepEqual([state, generation, rebuild], ['current', 2, undefined])
    assert.deepEqual(await page.evaluate(() => errors), [])
  })

  await test.test('a second tab sees the same rows', async () => {
    const other = await openPage(device.context, site)
    await openAt(other, 2)
    assert.deepEqual(await rows(other), await rows(page))
    assert.equal(await other.evaluate(() => records.folded.events), 0)
  })
})
