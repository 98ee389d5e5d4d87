/**
 * Two ways in which Chromium deletes every database of an origin after it was killed, and that they can't happen to a log.
 *
 * A browser that died within a write leaves half a record at the end of LevelDB's journal. Chromium appends behind it, and the start after the
 * next then takes the journal to be damaged (https://github.com/google/leveldb/issues/1287).
 *
 * A browser that died while two writes to one database ran side by side leaves the locks of both, the one of the database in each of them. The
 * next start takes that for a contradiction ("Invalid locks on disk").
 */
import assert from 'node:assert/strict'
import { readdirSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { events, execute, openLog, openPage, startDevice } from './kit/device.js'
import { atEnd } from './kit/ending.js'
import { scratch } from './kit/scratch.js'
import { startSite } from './kit/site.js'
import { until } from './kit/until.js'

/** Cuts the last record of the journal in half, as a death between the writes of its parts does. */
function tear(profile) {
  const databases = join(profile, 'Default', 'IndexedDB')
  const [folder] = readdirSync(databases).filter((name) => name.endsWith('.leveldb'))
  const journals = readdirSync(join(databases, folder)).filter((name) => name.endsWith('.log'))
  const path = join(databases, folder, journals.sort().at(-1))
  truncateSync(path, statSync(path).size - 3)
}

const complete = (page, lesson) => execute(page, 'course', 's1', { type: 'CompleteLesson', data: { lesson, steps: [] } })

test('half a record that a killed browser left does not cost the log at the start after the next', { timeout: 120_000 }, async (test) => {
  const profile = join(scratch(test), 'profile')
  const site = await startSite()
  atEnd(test, () => site.close())

  const acknowledged = []
  for (let round = 0; round < 4; round++) {
    const device = await startDevice(profile, site)
    try {
      await openLog(device.page, { name: 'kept' })
      const there = (await events(device.page)).map(({ id }) => id)
      assert.equal(new Set(there).size, there.length)
      for (const id of acknowledged) assert.ok(there.includes(id), `an event is gone after ${round} deaths; ${there.length} are there`)
      for (let number = 0; number < 20; number++) {
        const receipt = await complete(device.page, `${round}/${number}`)
        acknowledged.push(...receipt.events.map(({ id }) => id))
      }
      // The record that is cut is one whose end nobody saw: not the last one acknowledged.
      await complete(device.page, `${round}/cut`)
    } finally {
      await device.kill()
    }
    tear(profile)
  }
})

test('ballast is written after a death only: not for a second tab, not after pages that ended', { timeout: 120_000 }, async (test) => {
  const profile = join(scratch(test), 'profile')
  const site = await startSite()
  atEnd(test, () => site.close())

  let device
  const start = async () => {
    device = await startDevice(profile, site)
    await device.context.addInitScript(() => {
      globalThis.ballast = 0
      const { put } = IDBObjectStore.prototype
      IDBObjectStore.prototype.put = function (...row) {
        if (row[1] === 'ballast') globalThis.ballast++
        return put.apply(this, row)
      }
    })
  }
  /** Opens a log in a new tab; resolves to the tab and the rows of ballast that it wrote. */
  const tab = async () => {
    const page = await openPage(device.context, site)
    await openLog(page, { name: 'kept' })
    await complete(page, crypto.randomUUID())
    return { page, ballast: await page.evaluate(() => globalThis.ballast) }
  }
  const present = (page) =>
    page.evaluate(() =>
      import('/raw.js').then((raw) => raw.withDatabase('tidelog-crash-recovery', (database) => raw.done(database.transaction('pages').objectStore('pages').getAllKeys()))),
    )
  const seen = (page, state) =>
    page.evaluate((state) => {
      Object.defineProperty(document, 'visibilityState', { value: state, configurable: true })
      document.dispatchEvent(new Event('visibilitychange'))
    }, state)

  await start()
  try {
    const first = await tab()
    assert.equal(first.ballast, 0, 'a new profile')
    const second = await tab()
    assert.equal(second.ballast, 0, 'a second tab')
    assert.equal((await present(first.page)).length, 2)

    await second.page.close({ runBeforeUnload: false })
    await first.page.goto('about:blank')
    const third = await tab()
    assert.equal(third.ballast, 0, 'after two pages that ended')
    assert.equal((await present(third.page)).length, 1)

    // A page that nobody sees and that does not write may be killed without harm, as phones do.
    await seen(third.page, 'hidden')
    await until('the row of the hidden page to be gone', async () => (await present(third.page)).length === 0)
    await complete(third.page, 'in the background')
    await until('the row while it writes', async () => (await present(third.page)).length === 1)
    await until('the row of the quiet page to be gone', async () => (await present(third.page)).length === 0)
    await device.kill()

    await start()
    const fourth = await tab()
    assert.equal(fourth.ballast, 0, 'after a death in the background')
    await device.kill()

    await start()
    const fifth = await tab()
    assert.equal(fifth.ballast, 144, 'after a death in full work')
    assert.equal((await present(fifth.page)).length, 1)
    const sixth = await tab()
    assert.equal(sixth.ballast, 0, 'once')
  } finally {
    await device.kill()
  }
})

test('no two writes to a log run side by side', { timeout: 60_000 }, async (test) => {
  const site = await startSite()
  atEnd(test, () => site.close())
  const device = await startDevice(join(scratch(test), 'profile'), site)
  atEnd(test, () => device.close())
  await device.context.addInitScript(() => {
    globalThis.scopes = {}
    const { transaction } = IDBDatabase.prototype
    IDBDatabase.prototype.transaction = function (tables, mode, ...more) {
      if (mode === 'readwrite') (globalThis.scopes[this.name] ??= []).push([tables].flat())
      return transaction.call(this, tables, mode, ...more)
    }
  })
  const page = await openPage(device.context, site)
  await openLog(page, { name: 'busy', snapshots: { every: 5 } })
  await Promise.all(Array.from({ length: 30 }, (_, lesson) => complete(page, String(lesson))))
  const kinds = () => page.evaluate(() => [...new Set(Object.values(globalThis.scopes).flat(2))].sort())
  // the log itself, and what is made of it in the background
  await until('rows of a projection and a snapshot', async () => {
    const written = await kinds()
    return ['confirmed', 'projection-rows', 'snapshots'].every((table) => written.includes(table))
  })
  for (const [database, scopes] of Object.entries(await page.evaluate(() => globalThis.scopes))) {
    const common = scopes.reduce((common, tables) => common.filter((table) => tables.includes(table)))
    assert.ok(common.length > 0, `two writes to ${database} have no table in common: ${JSON.stringify(scopes)}`)
  }
})
