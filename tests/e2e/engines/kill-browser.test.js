/** What was acknowledged survives the death of the browser, and nothing is half there. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { atEnd } from '../kit/ending.js'
import { engines, startScreen } from '../kit/engines.js'
import { seeded } from '../kit/random.js'
import { scratch } from '../kit/scratch.js'
import { startSite } from '../kit/site.js'
import { until } from '../kit/until.js'

/** How often each browser is killed: `TIDELOG_KILLS`, or a few times. */
const few = { chromium: 12, firefox: 4, webkit: 4 }

/**
 * Writes without a pause until the page dies: commits of 1 to 4 events to 5 streams of two logs, one of which confirms by itself and
 * one of which queues for a server that is never reached. Each acknowledgement leaves the page as soon as `execute` resolves.
 */
const writeUntilKilled = (page, round) =>
  page.evaluate((round) => {
    const alone = log
    const queueing = globalThis.queueing
    let number = 0
    const writer = async (into, name) => {
      for (;;) {
        const lesson = `${round}/${number++}`
        const steps = Array.from({ length: number % 4 }, (_, index) => ({ index, note: 'x'.repeat(200 * index) }))
        try {
          const { stream, version, commitId, events } = await into.execute(domain.course, `s${number % 5}`, {
            type: 'CompleteLesson',
            data: { lesson, steps },
          })
          await tell({ log: name, commitId, stream, version, events: events.map(({ id, type, data }) => ({ id, type, data })) })
        } catch (error) {
          await tell({ failure: `${error.code}: ${error.message}` })
          return
        }
      }
    }
    // Several at a time, so that the kill meets appends that wait for a common transaction.
    for (let writers = 0; writers < 4; writers++) {
      void writer(alone, 'alone')
      void writer(queueing, 'queueing')
    }
  }, round)

/** Opens both logs and reads all that is there. */
async function openAndRead(page) {
  return page.evaluate(async () => {
    globalThis.queueing = await open({ name: 'queueing', sync: unreachable })
    await open({ name: 'alone' })
    const read = async (from) => ({ corrupt: from.storage.report.corrupt, kind: from.storage.report.kind, events: await from.read().toArray() })
    return { alone: await read(log), queueing: await read(globalThis.queueing) }
  })
}

/** Every acknowledged event is there as it was acknowledged; every commit is whole; versions have no hole. */
function check(name, { corrupt, kind, events }, acknowledged, round) {
  assert.equal(kind, 'indexeddb')
  assert.deepEqual(corrupt, [])
  const versions = new Map()
  const commits = new Map()
  for (const { id, type, data, stream, version, commitId } of events) {
    assert.equal(version, (versions.get(stream) ?? 0) + 1, `a hole or double in ${stream} of ${name} at version ${version}`)
    versions.set(stream, version)
    const commit = commits.get(commitId) ?? { stream, version, events: [] }
    commits.set(commitId, { ...commit, version, events: [...commit.events, { id, type, data }] })
  }
  for (const [commitId, { events }] of commits) {
    assert.equal(events.at(-1).type, 'LessonCompleted', `commit ${commitId} of ${name} is half there`)
    assert.ok(
      events.slice(0, -1).every(({ type, data }, index) => type === 'StepTaken' && data.step.index === index),
      `commit ${commitId} of ${name} is half there`,
    )
  }
  const found = `after ${round} kills there are ${commits.size} commits, and ${acknowledged.length} were acknowledged`
  for (const { commitId, stream, version, events } of acknowledged) {
    assert.deepEqual(commits.get(commitId), { stream, version, events }, `commit ${commitId} of ${name} was acknowledged; ${found}`)
  }
  return commits.size
}

for (const engine of Object.keys(engines)) {
  const rounds = Number(process.env.TIDELOG_KILLS ?? few[engine])
  test(`${engine} is killed ${rounds} times while it writes: all that was acknowledged is there`, { timeout: 1_500_000 }, async (test) => {
    const random = seeded(test)
    const profile = join(scratch(test), 'profile')
    const site = await startSite()
    atEnd(test, () => site.close())
    const screen = await startScreen(test, engine)

    const acknowledged = { alone: [], queueing: [] }
    const failures = []
    let count = 0
    site.onMessage = (text) => {
      const { log, failure, ...receipt } = JSON.parse(text)
      if (failure) return failures.push(failure)
      acknowledged[log].push(receipt)
      count++
    }

    let there = 0
    for (let round = 0; round <= rounds; round++) {
      const device = await engines[engine](profile, site, { screen })
      try {
        const read = await openAndRead(device.page)
        there = check('alone', read.alone, acknowledged.alone, round) + check('queueing', read.queueing, acknowledged.queueing, round)
        if (round === rounds) break
        const enough = count + 5 + random.below(60)
        await writeUntilKilled(device.page, round)
        await until('acknowledgements', () => count >= enough || failures.length > 0, { every: 1 })
      } finally {
        await device.kill()
      }
      assert.deepEqual(failures, [])
      // A message may still be on its way through the kernel: it left the page, so it counts.
    }
    test.diagnostic(`${count} commits acknowledged, ${there} found after ${rounds} kills`)
  })
}
