/** Seeing inside a real browser: timings on the timeline of the page, metrics, and a dump of a log in IndexedDB. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { execute, openLog, startDevice } from './kit/device.js'
import { atEnd } from './kit/ending.js'
import { scratch } from './kit/scratch.js'
import { startSite } from './kit/site.js'

test('timings stand on the timeline, and a dump tells of the log without telling what is in it', async (test) => {
  const site = await startSite()
  atEnd(test, () => site.close())
  const device = await startDevice(join(scratch(test), 'profile'), site)
  atEnd(test, () => device.close())
  const { page } = device
  await openLog(page, { name: 'marks', marks: true })
  await execute(page, 'course', 'ada-lovelace', { type: 'CompleteLesson', data: { lesson: 'secret' } })
  const seen = await page.evaluate(async () => ({
    marks: performance.getEntriesByType('measure').map(({ name, startTime, duration }) => ({ name, startTime, end: startTime + duration })),
    now: performance.now(),
    metrics: log.metrics.get(),
    health: log.health(),
    dump: await log.dump(),
  }))
  const { marks, now, metrics, health, dump } = seen
  for (const name of ['tidelog:decide', 'tidelog:append', 'tidelog:execute']) {
    const mark = marks.find((one) => one.name === name)
    assert.ok(mark, `${name} is not among ${JSON.stringify(marks)}`)
    assert.ok(mark.startTime >= 0 && mark.end <= now + 1, JSON.stringify({ mark, now }))
  }
  assert.equal(metrics.counters.commits, 1)
  assert.equal(metrics.latencies.append.count, 1)
  assert.ok(['ok', 'degraded'].includes(health.state), JSON.stringify(health))
  assert.deepEqual([dump.storage.kind, dump.streams], ['indexeddb', { course: 1 }])
  for (const name of ['secret', 'lovelace']) assert.ok(!JSON.stringify(dump).includes(name), name)
})
