/** Storage that is broken, full, too new or not there: each with its typed error, and what can be kept is kept. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { events, execute, inStep, openLog, openPage, startDevice, status, syncWith } from './kit/device.js'
import { atEnd, file } from './kit/ending.js'
import { assertSameLog, assertWhole, serverLog } from './kit/log.js'
import { scratch } from './kit/scratch.js'
import { startServer } from './kit/server.js'
import { startSite } from './kit/site.js'
import { until } from './kit/until.js'

const folder = scratch(file)
let site
let device

before(async () => {
  site = await startSite()
  atEnd(file, () => site.close())
  device = await startDevice(join(folder, 'profile'), site)
  atEnd(file, () => device.close())
})

/** A page on the same browser, closed after the test. */
async function freshPage(test, context = device.context) {
  const page = await openPage(context, site)
  atEnd(test, () => page.close())
  await page.evaluate(async () => void (globalThis.raw = await import('/raw.js')))
  return page
}

const storage = (page) => page.evaluate(() => log.storage.report)
const openFails = (page, options) => page.evaluate((options) => failure(() => open(options)), options)

/** Three blocks or more of marks on streams of their own, and the log closed again. Resolves to the keys of the blocks. */
const writeBlocks = (page, name, table) =>
  page.evaluate(
    async ([name, table]) => {
      const opened = await open({ name, ...(table === 'pending' ? { sync: unreachable } : {}) })
      for (let block = 0; block < 3; block++) {
        const marks = Array.from({ length: 300 }, (_, number) => ({ type: 'Marked', data: { number, filling: 'x'.repeat(300) } }))
        await opened.appendAll([{ stream: `mark-block${block}`, events: marks }])
      }
      opened.close()
      return raw.keys(await raw.databaseOf(name), table)
    },
    [name, table],
  )

/** Reads each stream: the number of its events, or the error. */
const readStreams = (page) =>
  page.evaluate(async () => {
    const read = {}
    for (const block of [0, 1, 2]) {
      const stream = `mark-block${block}`
      try {
        const events = await log.read({ stream }).toArray()
        read[stream] = events.filter(({ data }, index) => data.number === index && data.filling.length === 300).length
      } catch (error) {
        read[stream] = { code: error.code, table: error.details?.table, key: error.details?.key }
      }
    }
    return read
  })

for (const table of ['confirmed', 'pending']) {
  test(`a bit that flipped in a ${table} block: the block is named, the rest is readable`, { timeout: 60_000 }, async (test) => {
    const page = await freshPage(test)
    const name = `corrupt-${table}`
    const keys = await writeBlocks(page, name, table)
    assert.ok(keys.length >= 3, `only ${keys.length} blocks`)
    const broken = keys[1]
    await page.evaluate(([name, table, key]) => raw.databaseOf(name).then((name) => raw.flipBit(name, table, key, 0.7)), [name, table, broken])

    const openAgain = () => page.evaluate(([name, table]) => open({ name, ...(table === 'pending' ? { sync: unreachable } : {}) }).then(() => {}), [name, table])
    await openAgain()
    const read = await readStreams(page)
    assert.deepEqual(read, { 'mark-block0': 300, 'mark-block1': { code: 'corrupt', table, key: String(broken) }, 'mark-block2': 300 })
    const { corrupt } = await storage(page)
    assert.deepEqual(corrupt.map(({ table, key }) => ({ table, key })), [{ table, key: String(broken) }])
    assert.ok(corrupt[0].reason.length > 0)

    // Work goes on beside it, and it stays what it is after the next opening.
    await page.evaluate(() => log.append('mark-after', [{ type: 'Marked', data: { number: 0 } }]))
    await page.evaluate(() => log.close())
    await openAgain()
    assert.deepEqual(await readStreams(page), read)
    assert.equal(await page.evaluate(() => log.version('mark-after')), 1)
    const all = await page.evaluate(() => failure(() => log.read().toArray()))
    assert.equal(all.code, 'corrupt')
    assert.deepEqual({ table: all.details.table, key: all.details.key }, { table, key: String(broken) })
  })
}

test('any bit that flips is noticed', { timeout: 60_000 }, async (test) => {
  const page = await freshPage(test)
  const [, key] = await writeBlocks(page, 'bits', 'confirmed')
  const shares = [0, 0.001, 0.003, 0.01, 0.2, 0.5, 0.9, 0.999, 1]
  const seen = await page.evaluate(
    async ([key, shares]) => {
      const name = await raw.databaseOf('bits')
      const seen = []
      for (const share of shares) {
        await raw.flipBit(name, 'confirmed', key, share)
        const opened = await open({ name: 'bits' }).catch((error) => error)
        if (opened instanceof Error) seen.push({ share, opening: opened.code })
        else {
          const { code, details } = await failure(() => opened.read({ stream: 'mark-block1' }).toArray())
          const others = (await opened.read({ stream: 'mark-block0' }).toArray()).length + (await opened.read({ stream: 'mark-block2' }).toArray()).length
          seen.push({ share, code, key: details?.key, others })
          opened.close()
        }
        await raw.flipBit(name, 'confirmed', key, share)
      }
      return seen
    },
    [key, shares],
  )
  assert.deepEqual(seen, shares.map((share) => ({ share, code: 'corrupt', key: String(key), others: 600 })))
})

test('a database of a newer format is left as it is', { timeout: 60_000 }, async (test) => {
  const page = await freshPage(test)
  await openLog(page, { name: 'newer' })
  await execute(page, 'course', 'ada', { type: 'CompleteLesson', data: { lesson: 'l1' } })
  await page.evaluate(() => log.close())
  const before = await page.evaluate(async () => {
    const name = await raw.databaseOf('newer')
    await raw.makeNewer(name, 999)
    return raw.dump(name)
  })
  assert.equal(before.version, 999)
  const { tidelog, code, details, message } = await openFails(page, { name: 'newer' })
  assert.ok(tidelog)
  assert.equal(code, 'newer-format')
  assert.equal(details.found, 999)
  assert.ok(details.supported < 999)
  assert.match(message, /update the app/)
  assert.deepEqual(await page.evaluate(async () => raw.dump(await raw.databaseOf('newer'))), before)
})

test('the quota is used up: the write fails whole, what is there stays, and with room again it goes on', { timeout: 120_000 }, async (test) => {
  // An origin that has not stored anything: Chromium remembers for a while how much room an origin had.
  const origin = site.url.replace('127.0.0.1', 'localhost')
  const page = await openPage(device.context, { url: origin })
  atEnd(test, () => page.close())
  const session = await page.context().newCDPSession(page)
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 2_000_000 })
  await openLog(page, { name: 'full' })
  await execute(page, 'course', 'ada', { type: 'CompleteLesson', data: { lesson: 'l1' } })

  const { written, failed } = await page.evaluate(async () => {
    // The browser compresses what it writes, so only noise takes up room.
    const noise = (length) => Array.from({ length }, () => String.fromCharCode(33 + Math.floor(Math.random() * 90))).join('')
    let written = 0
    for (let number = 0; number < 50; number++) {
      const { code, tidelog, resolved } = await failure(() => log.append('mark-full', [{ type: 'Marked', data: { number, filling: noise(200_000) } }]))
      if (resolved === undefined) return { written, failed: { code, tidelog } }
      written++
    }
    return { written }
  })
  assert.deepEqual(failed, { code: 'quota-exceeded', tidelog: true })
  test.diagnostic(`${written} of 200 kB went in before the quota`)

  const count = async () => (await events(page, { stream: 'mark-full' })).length
  assert.equal(await count(), written)
  assert.equal((await page.evaluate(() => log.load(domain.course, 'ada'))).version, 1, 'what was there is readable')
  assert.deepEqual(await page.evaluate(() => log.storage.refresh().then(({ quota }) => quota > 0)), true)

  await session.send('Storage.overrideQuotaForOrigin', { origin })
  await page.evaluate((number) => log.append('mark-full', [{ type: 'Marked', data: { number } }]), written)
  await page.evaluate(() => log.close())
  await openLog(page, { name: 'full' })
  const stored = await events(page, { stream: 'mark-full' })
  assert.deepEqual(stored.map(({ data }) => data.number), Array.from({ length: written + 1 }, (_, number) => number))
})

test('no IndexedDB at all: the log is in memory and says so, and syncs all the same', { timeout: 60_000 }, async (test) => {
  const server = await startServer({ database: join(scratch(test), 'server.sqlite') })
  atEnd(test, () => server.stop())
  const page = await device.context.newPage()
  atEnd(test, () => page.close())
  await page.addInitScript(() => {
    delete globalThis.indexedDB
    delete globalThis.Window.prototype.indexedDB
  })
  await page.goto(site.url)
  await page.waitForFunction(() => globalThis.ready)
  assert.equal(await page.evaluate(() => typeof indexedDB), 'undefined')

  const { code } = await openFails(page, { name: 'nowhere', storage: 'indexeddb' })
  assert.equal(code, 'storage-unavailable')

  await openLog(page, { name: 'nowhere', sync: syncWith(server.url) })
  const fresh = await storage(page)
  assert.equal(fresh.kind, 'memory')
  assert.equal(fresh.standing, 'memory')
  assert.match(fresh.reason, /IndexedDB/)
  await page.evaluate(() => log.sync.pause())
  const { events: decided } = await execute(page, 'course', 'ada', { type: 'CompleteLesson', data: { lesson: 'l1' } })
  const working = await storage(page)
  assert.equal(working.atRisk, true)
  assert.deepEqual(working.unsynced, { commits: 1, events: 1, oldest: decided[0].metadata.occurredAt })

  await page.evaluate(() => log.sync.resume())
  await inStep(page)
  assert.equal((await storage(page)).atRisk, false, 'what the server has is safe')
  const log = await serverLog(`${server.url}/logs/academy`)
  assertWhole(log)
  assertSameLog(await events(page), log)
})

test('a page that may not have storage, such as one in a sandboxed frame: in memory too, with the reason', { timeout: 60_000 }, async (test) => {
  const page = await freshPage(test)
  await page.setContent(`<iframe sandbox="allow-scripts" src="${site.url}/"></iframe>`)
  const frame = await (await page.waitForSelector('iframe')).contentFrame()
  await frame.waitForFunction(() => globalThis.ready)
  const report = await frame.evaluate(async () => {
    await open({ name: 'sandboxed' })
    const { version } = await log.execute(domain.course, 'ada', { type: 'CompleteLesson', data: { lesson: 'l1' } })
    return { ...log.storage.report, version, errors }
  })
  assert.equal(report.kind, 'memory')
  assert.ok(report.reason.length > 0)
  assert.equal(report.version, 1)
  assert.deepEqual(report.errors, [])
})

/** The app was told why its log is closed, once and without a call, and every call says so. */
async function assertTakenAway(page, by) {
  await until('the app being told', () => page.evaluate(() => errors.length > 0))
  const failed = await page.evaluate(() => failure(() => log.execute(domain.course, 'ada', { type: 'CompleteLesson', data: { lesson: 'l2' } })))
  assert.deepEqual({ tidelog: failed.tidelog, code: failed.code, details: failed.details }, { tidelog: true, code: 'closed', details: { by } })
  const { report, closed, told } = await page.evaluate(() => ({ report: log.storage.report, closed: log.closed, told: errors }))
  assert.deepEqual({ by: report.closedBy, closed, told }, { by, closed: true, told: [{ code: 'closed', message: failed.message }] })
}

/** Opens a database as a tab does that is there from before and hears nothing: frozen, or stopped in a debugger. */
const holdOpen = (page, name) =>
  page.evaluate(async (name) => {
    const request = indexedDB.open(`tidelog:${name}`, 1)
    request.onupgradeneeded = () => request.result.createObjectStore('meta')
    globalThis.held = await raw.done(request)
  }, name)

test('a newer version of the app is opened in another tab: the older one lets go at once, and says so', { timeout: 60_000 }, async (test) => {
  const page = await freshPage(test)
  await openLog(page, { name: 'outdated' })
  await execute(page, 'course', 'ada', { type: 'CompleteLesson', data: { lesson: 'l1' } })
  const newer = await freshPage(test)
  const rows = await newer.evaluate(async () => {
    const name = await raw.databaseOf('outdated')
    const request = indexedDB.open(name, 1_000)
    const database = await new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error)
      request.onblocked = () => reject(new Error('the older tab holds the database'))
    })
    const rows = await raw.done(database.transaction('confirmed').objectStore('confirmed').count())
    database.close()
    return rows
  })
  assert.equal(rows, 1, 'what was acknowledged is there for the newer version')
  await assertTakenAway(page, 'newer-version')
  const again = await openFails(page, { name: 'outdated' })
  assert.equal(again.code, 'newer-format')
})

test('another tab holds an older version of the database: opening says so, and goes on when that tab is closed', { timeout: 60_000 }, async (test) => {
  const older = await freshPage(test)
  await holdOpen(older, 'blocked')
  const page = await freshPage(test)
  const { tidelog, code } = await openFails(page, { name: 'blocked' })
  assert.deepEqual({ tidelog, code }, { tidelog: true, code: 'storage-blocked' })

  await page.evaluate(() => {
    globalThis.opening = open({ name: 'blocked', onBlocked: () => (globalThis.told = true) })
  })
  await until('the app being told that another tab is in the way', () => page.evaluate(() => globalThis.told))
  await older.close()
  await page.evaluate(() => globalThis.opening.then(() => {}))
  const { version } = await execute(page, 'course', 'ada', { type: 'CompleteLesson', data: { lesson: 'l1' } })
  assert.equal(version, 1)
  assert.deepEqual(await page.evaluate(() => errors), [])
})

test('the person deletes the data of the site: the tab does not write into what is made in its place', { timeout: 60_000 }, async (test) => {
  // An origin of its own: all of its data goes.
  const origin = site.url.replace('127.0.0.1', 'cleared.localhost')
  const page = await openPage(device.context, { url: origin })
  atEnd(test, () => page.close())
  await openLog(page, { name: 'cleared' })
  for (const lesson of ['l1', 'l2', 'l3']) await execute(page, 'course', 'ada', { type: 'CompleteLesson', data: { lesson } })
  const session = await page.context().newCDPSession(page)
  await session.send('Storage.clearDataForOrigin', { origin, storageTypes: 'indexeddb' })
  // Another tab comes first, and finds nothing.
  const other = await openPage(device.context, { url: origin })
  atEnd(test, () => other.close())
  await openLog(other, { name: 'cleared' })
  await execute(other, 'course', 'bob', { type: 'CompleteLesson', data: { lesson: 'l1' } })

  await page.evaluate(() => failure(() => log.execute(domain.course, 'ada', { type: 'CompleteLesson', data: { lesson: 'l4' } })))
  // A write behind the scenes may have been under way as the data went: it failed, and that was told before.
  await until('the app being told', () => page.evaluate(() => errors.some(({ code }) => code === 'closed')))
  await page.evaluate(() => void errors.splice(0, errors.length, ...errors.filter(({ code }) => code !== 'storage-failed')))
  await assertTakenAway(page, 'deletion')
  assert.deepEqual((await events(other)).map(({ stream, data }) => `${stream} ${data.lesson}`), ['course-bob l1'])
  await other.evaluate(() => log.close())
  await openLog(page, { name: 'cleared' })
  assert.deepEqual((await events(page)).map(({ stream, data }) => `${stream} ${data.lesson}`), ['course-bob l1'])
})

test('the site data is deleted while a tab is open: calls say so, nothing is half written, and a reload begins anew', { timeout: 60_000 }, async (test) => {
  const page = await freshPage(test)
  await openLog(page, { name: 'deleted' })
  await execute(page, 'course', 'ada', { type: 'CompleteLesson', data: { lesson: 'l1' } })
  await page.evaluate(async () => {
    const request = indexedDB.deleteDatabase(await raw.databaseOf('deleted'))
    await new Promise((resolve, reject) => {
      request.onsuccess = resolve
      request.onerror = () => reject(request.error)
      request.onblocked = () => reject(new Error('the tab holds the database'))
    })
  })
  await assertTakenAway(page, 'deletion')
  assert.equal((await status(page)).state, 'off')
  await page.reload()
  await page.waitForFunction(() => globalThis.ready)
  await openLog(page, { name: 'deleted' })
  assert.deepEqual(await events(page), [])
})
