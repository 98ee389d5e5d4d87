/** Bad input: each with its typed error, and nothing written. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { openPage, startDevice } from './kit/device.js'
import { atEnd, file } from './kit/ending.js'
import { scratch } from './kit/scratch.js'
import { startSite } from './kit/site.js'

const folder = scratch(file)
let site
let device
let page

before(async () => {
  site = await startSite()
  atEnd(file, () => site.close())
  device = await startDevice(join(folder, 'profile'), site)
  atEnd(file, () => device.close())
  page = device.page
})

/** Opens the log with the aggregates of the calls. */
const openFaulty = (page) =>
  page.evaluate(async () => {
    globalThis.bad = await import('/bad-input.js')
    await open({ name: 'academy', aggregates: [domain.course, domain.exam, bad.faulty] })
  })

/** All that could have been written: events, streams and queue. */
const written = (page) =>
  page.evaluate(async () => ({ events: await log.read().toArray(), streams: log.streams(), queue: await log.queue.list(), rejected: await log.rejected.list() }))

/** The errors are those that were expected; details may say more. */
function assertFailure(name, actual, { code, details }) {
  assert.equal(actual.resolved, undefined, `${name} went through`)
  assert.equal(actual.code, code, `${name}: ${actual.message}`)
  assert.ok(actual.tidelog, `${name} threw something else than an error of the package`)
  assert.ok(actual.message.length > 0, `${name} has no message`)
  for (const [key, value] of Object.entries(details)) assert.deepEqual(actual.details[key], value, `${key} of ${name}: ${actual.message}`)
}

test('a call that can not be right fails with its code, and nothing is written', { timeout: 120_000 }, async (test) => {
  await openFaulty(page)
  await page.evaluate(() => bad.prepare())
  const then = await written(page)
  assert.equal(then.events.length, 3)
  const results = await page.evaluate(async () => {
    const results = []
    for (const [name, call, expected] of bad.calls) {
      const actual = await failure(call)
      results.push({ name, actual, expected, events: (await log.read().toArray()).length })
    }
    return results
  })
  for (const { name, actual, expected, events } of results) {
    await test.test(name, () => {
      assertFailure(name, actual, expected)
      assert.equal(events, then.events.length, `${name} wrote something`)
    })
  }
  assert.deepEqual(await written(page), then)

  await test.test('and the log works on, also when it is opened again', async () => {
    const again = await openPage(device.context, site)
    await openFaulty(again)
    assert.deepEqual(await written(again), then)
    const { version } = await page.evaluate(() => log.execute(bad.faulty, 'bad', { type: 'Work' }))
    assert.equal(version, 2)
    await again.close()
  })
})

test('what just fits goes in', { timeout: 60_000 }, async (test) => {
  const names = await page.evaluate(() => bad.largest.map(([name]) => name))
  for (const [index, name] of names.entries()) {
    await test.test(name, async () => {
      const { version, read } = await page.evaluate(async (index) => {
        const [, call] = bad.largest[index]
        const { stream, version, events } = await call()
        const stored = await log.read({ stream }).toArray()
        return { version, read: JSON.stringify(stored.at(-1)) === JSON.stringify(events.at(-1)) }
      }, index)
      assert.ok(version > 0)
      assert.ok(read, `${name} reads back as it was written`)
    })
  }
})

test('open() and definitions that can not be right fail with their code', { timeout: 60_000 }, async (test) => {
  // In a fresh page, where the wasm is not loaded yet.
  const fresh = await openPage(device.context, site)
  const results = await fresh.evaluate(async () => {
    const { openings } = await import('/bad-input.js')
    const results = []
    for (const [name, call, expected] of openings) results.push({ name, expected, actual: await failure(call) })
    return results
  })
  for (const { name, actual, expected } of results) await test.test(name, () => assertFailure(name, actual, expected))
  await test.test('and nothing was made', async () => {
    const databases = await fresh.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name))
    assert.deepEqual(databases.filter((name) => name.includes('bad')), [])
  })
  await fresh.close()
})

test('after close() every call is refused with closed', { timeout: 60_000 }, async () => {
  const fresh = await openPage(device.context, site)
  const codes = await fresh.evaluate(async () => {
    const tidelog = await open({ name: 'closing' })
    await tidelog.append('course-a', [{ type: 'Fine' }])
    tidelog.close()
    tidelog.close()
    const calls = [
      () => tidelog.append('course-a', [{ type: 'Fine' }]),
      () => tidelog.execute(domain.course, 'a', { type: 'CompleteLesson', data: { lesson: 'l' } }),
      () => tidelog.load(domain.course, 'a'),
      () => tidelog.read().toArray(),
      () => tidelog.rows(domain.progress),
      () => tidelog.version('course-a'),
      () => tidelog.sync.now(),
      () => tidelog.queue.list(),
    ]
    return Promise.all(calls.map(async (call) => (await failure(call)).code))
  })
  assert.deepEqual(codes, Array(8).fill('closed'))
  await fresh.close()
})

test('a clock that was reset: nothing is recorded by it, and all goes on when it is right again', { timeout: 60_000 }, async () => {
  const fresh = await openPage(device.context, site)
  const { codes, versions, opened } = await fresh.evaluate(async () => {
    let time = Date.now()
    const clock = { now: () => time }
    const tidelog = await open({ name: 'clock', environment: clock })
    const complete = (lesson) => tidelog.execute(domain.course, 'a', { type: 'CompleteLesson', data: { lesson } })
    const append = () => tidelog.append('course-a', [{ type: 'LessonCompleted', data: { lesson: 'appended' } }])
    await complete('l1')
    const codes = []
    const versions = []
    for (const wrong of [0, Date.UTC(1999, 11, 31), NaN, -1]) {
      time = wrong
      codes.push((await failure(() => complete('l2'))).code, (await failure(append)).code)
      versions.push(tidelog.version('course-a'))
    }
    time = Date.now()
    await complete('l2')
    versions.push(tidelog.version('course-a'))
    tidelog.close()
    const opened = await failure(() => openWith({ name: 'never', environment: { now: () => 0 } }))
    return { codes, versions, opened }

    async function openWith(options) {
      const opened = await globalThis.tidelog.open({ aggregates: [domain.course], ...options })
      return opened.execute(domain.course, 'a', { type: 'CompleteLesson', data: { lesson: 'l1' } })
    }
  })
  assert.deepEqual(codes, Array(8).fill('implausible-clock'))
  assert.deepEqual(versions, [1, 1, 1, 1, 2])
  assert.equal(opened.code, 'implausible-clock')
  await fresh.close()
})
