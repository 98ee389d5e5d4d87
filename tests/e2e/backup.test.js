/** A log goes out of one profile and into a fresh one, over IndexedDB: all of it, also when the page goes away in the middle. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { events, execute, openLog, startDevice, visit } from './kit/device.js'
import { atEnd } from './kit/ending.js'
import { scratch } from './kit/scratch.js'
import { startSite } from './kit/site.js'

async function twoProfiles(test) {
  const folder = scratch(test)
  const site = await startSite()
  atEnd(test, () => site.close())
  const [old, fresh] = await Promise.all(['old', 'fresh'].map((name) => startDevice(join(folder, name), site)))
  atEnd(test, () => Promise.all([old.close(), fresh.close()]))
  return { site, old: old.page, fresh: fresh.page }
}

const exported = (page) => page.evaluate(() => log.export().text())

/** All that a log says of itself, except whose it is. */
const standing = (page) =>
  page.evaluate(async () => {
    const streams = log.streams()
    const states = streams.map((stream) => {
      const [aggregate, ...id] = stream.split('-')
      return log.load(domain[aggregate], id.join('-'))
    })
    return {
      events: await log.read().toArray(),
      versions: streams.map((stream) => [stream, log.version(stream)]),
      states: await Promise.all(states),
      rows: await log.rows(domain.progress),
      queue: await log.queue.list(),
      rejected: await log.rejected.list(),
    }
  })

test('a backup of three thousand commits, broken off by a reload, equals the original', { timeout: 180_000 }, async (test) => {
  const { site, old, fresh } = await twoProfiles(test)
  await openLog(old, { name: 'academy' })
  await old.evaluate(async () => {
    const commit = (index) => ({
      stream: `course-${index % 40}`,
      events: [{ type: 'StepTaken', data: { step: index } }, { type: 'LessonCompleted', data: { lesson: `l${index}` } }],
    })
    await log.appendAll(Array.from({ length: 3_000 }, (_, index) => commit(index)))
  })
  const backup = await exported(old)

  await openLog(fresh, { name: 'academy' })
  await fresh.evaluate((backup) => {
    // the second half never comes
    async function* half() {
      for (let at = 0; at < backup.length / 2; at += 50_000) yield backup.slice(at, Math.min(at + 50_000, backup.length / 2))
      globalThis.isHalf = true
      await new Promise(() => {})
    }
    log.import(half()).catch((error) => errors.push(error.message))
  }, backup)
  await fresh.waitForFunction(() => globalThis.isHalf)
  await visit(fresh, site)
  await openLog(fresh, { name: 'academy' })
  const left = (await events(fresh)).length
  assert.ok(left > 0 && left < 6_000, `${left} events were there after the reload`)
  const done = await fresh.evaluate((backup) => log.import(backup), backup)
  assert.deepEqual(done, { commits: 3_000 - left / 2, events: 6_000 - left, duplicates: left / 2, mode: 'restore' })
  const whole = await standing(old)
  assert.equal(whole.events.length, 6_000)
  assert.deepEqual(await standing(fresh), whole)

  // it stays so, and once more changes nothing
  await visit(fresh, site)
  await openLog(fresh, { name: 'academy' })
  assert.deepEqual(await fresh.evaluate((backup) => log.import(backup), backup), { commits: 0, events: 0, duplicates: 3_000, mode: 'restore' })
  assert.deepEqual(await standing(fresh), whole)
  assert.deepEqual(await fresh.evaluate(() => errors), [])
})

test('what waits for the server waits in the fresh profile too', async (test) => {
  const { site, old, fresh } = await twoProfiles(test)
  const openOffline = (page) => page.evaluate(async () => void (await open({ name: 'academy', sync: unreachable })))
  await openOffline(old)
  await execute(old, 'course', 'ada', { type: 'CompleteLesson', data: { lesson: 'l1', steps: [1, 2] } })
  await execute(old, 'exam', 'ada', { type: 'Answer', data: { question: 'q1', answer: 'x' } })
  await execute(old, 'exam', 'ada', { type: 'HandIn' })
  const backup = await exported(old)

  await openOffline(fresh)
  assert.deepEqual(await fresh.evaluate((backup) => log.import(backup), backup), { commits: 3, events: 5, duplicates: 0, mode: 'restore' })
  await visit(fresh, site)
  await openOffline(fresh)
  const whole = await standing(old)
  assert.deepEqual(whole.queue.map(({ policy }) => policy), ['redecide', 'redecide', 'keep'])
  assert.deepEqual(await standing(fresh), whole)
})
