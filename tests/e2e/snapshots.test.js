/** Snapshots in IndexedDB: a reload begins with one, and code that did not make it passes over it. */
/* global purse, tidelog */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startDevice, visit } from './kit/device.js'
import { atEnd } from './kit/ending.js'
import { scratch } from './kit/scratch.js'
import { startSite } from './kit/site.js'
import { until } from './kit/until.js'

/** Opens the log with a purse of a release of the app: the second one keeps other states. */
const openAt = (page, release) =>
  page.evaluate(async (release) => {
    globalThis.purse = tidelog.aggregate({
      name: 'purse',
      schemaVersion: release,
      events: ['Paid'],
      initialState: () => ({ total: 0 }),
      decide: ({ data }) => ({ type: 'Paid', data }),
      evolve: ({ total }, { data }) => ({ total: total + release * data.amount }),
      snapshot: { policy: { every: 60 } },
    })
    await open({ name: 'purses', aggregates: [purse], projections: [] })
  }, release)

/** The state, and how the snapshots fared on the way to it. */
const loaded = (page) =>
  page.evaluate(async () => {
    const { state, version } = await log.load(purse, 'ada')
    const { snapshotHits: hits, snapshotMisses: misses, snapshotsOutdated: outdated } = log.metrics.get().counters
    return { total: state.total, version, hits, misses, outdated }
  })

test('a reload uses the snapshot that its code has made, and another release makes its own', async (test) => {
  const site = await startSite()
  atEnd(test, () => site.close())
  const device = await startDevice(scratch(test), site)
  atEnd(test, () => device.close())
  const { page } = device
  const current = () => page.evaluate(async () => (await log.snapshots.list(purse, 'ada')).filter(({ current }) => current).map(({ version }) => version))
  const taken = () => until('a snapshot in the background', async () => (await current()).includes(60), { otherwise: current })

  await openAt(page, 1)
  await page.evaluate(async () => {
    await log.append('purse-ada', Array.from({ length: 59 }, () => ({ type: 'Paid', data: { amount: 1 } })))
    await log.execute(purse, 'ada', { type: 'Pay', data: { amount: 1 } })
  })
  await taken()
  await visit(page, site)
  await openAt(page, 1)
  assert.deepEqual(await loaded(page), { total: 60, version: 60, hits: 1, misses: 0, outdated: 0 })

  await visit(page, site)
  await openAt(page, 2)
  assert.deepEqual(await loaded(page), { total: 120, version: 60, hits: 0, misses: 1, outdated: 1 })
  await taken()
  await visit(page, site)
  await openAt(page, 2)
  assert.deepEqual(await loaded(page), { total: 120, version: 60, hits: 1, misses: 0, outdated: 0 })
  assert.deepEqual(await page.evaluate(() => errors), [])
})
