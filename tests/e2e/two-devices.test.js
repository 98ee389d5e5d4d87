/** A learner with two devices that were offline, and a server that judges: both orders of coming back end in agreement. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { events, execute, inStep, load, openLog, rejected, startDevice, status, syncWith } from './kit/device.js'
import { atEnd } from './kit/ending.js'
import { assertSameLog, assertWhole, serverLog } from './kit/log.js'
import { scratch } from './kit/scratch.js'
import { startServer } from './kit/server.js'
import { startSite } from './kit/site.js'

/** Phone and tablet in step, then offline: both complete l1, each one more; the phone hands in the exam, the tablet edits it. */
async function twoDevices(test) {
  const folder = scratch(test)
  const site = await startSite()
  atEnd(test, () => site.close())
  const server = await startServer({ database: join(folder, 'server.sqlite') })
  atEnd(test, () => server.stop())
  const [phone, tablet] = await Promise.all(['phone', 'tablet'].map((name) => startDevice(join(folder, name), site)))
  atEnd(test, () => Promise.all([phone.close(), tablet.close()]))
  for (const { page } of [phone, tablet]) await openLog(page, { name: 'academy', sync: syncWith(server.url) })

  await execute(phone.page, 'exam', 'ada', { type: 'Answer', data: { question: 'q1', answer: 'x' } })
  await inStep(phone.page)
  await inStep(tablet.page)
  assert.deepEqual((await load(tablet.page, 'exam', 'ada')).state, { answers: { q1: 'x' }, handedIn: 0 })

  await Promise.all([phone, tablet].map(({ context }) => context.setOffline(true)))
  const complete = (device, lesson) => execute(device.page, 'course', 'ada', { type: 'CompleteLesson', data: { lesson } })
  await complete(phone, 'l1')
  await complete(phone, 'l2')
  await execute(phone.page, 'exam', 'ada', { type: 'HandIn' })
  await complete(tablet, 'l1')
  await complete(tablet, 'l3')
  await execute(tablet.page, 'exam', 'ada', { type: 'Answer', data: { question: 'q1', answer: 'y' } })

  for (const { page } of [phone, tablet]) {
    const { online, state, pending } = await status(page)
    assert.deepEqual({ online, state, pending: pending.commits }, { online: false, state: 'offline', pending: 3 })
  }
  return { phone, tablet, server }
}

/** One after the other comes back; then both look once more. */
async function comeBack(first, second) {
  for (const device of [first, second]) {
    await device.context.setOffline(false)
    await inStep(device.page)
  }
  await inStep(first.page)
}

/** Both devices and the server tell the same story: each lesson once, the exam handed in once with the answers as they were seen. */
async function agree({ phone, tablet, server }) {
  const log = await serverLog(`${server.url}/logs/academy`)
  assertWhole(log)
  for (const [whose, { page }] of Object.entries({ phone, tablet })) {
    assertSameLog(await events(page, { confirmedOnly: true }), log, `the ${whose}`)
    assert.equal((await events(page)).length, log.length, `the ${whose} has events beyond the confirmed ones`)
    const { completed } = (await load(page, 'course', 'ada')).state
    assert.deepEqual([...completed].sort(), ['l1', 'l2', 'l3'], `the lessons on the ${whose}`)
    const { state } = await load(page, 'exam', 'ada')
    assert.deepEqual(state, { answers: { q1: 'x' }, handedIn: 1 }, `the exam on the ${whose}`)
    assert.deepEqual(await page.evaluate(() => log.row(domain.progress, 'course-ada')), { lessons: completed }, `the row on the ${whose}`)
    assert.deepEqual(await page.evaluate(() => errors), [], `failures on the ${whose}`)
  }
}

/** The rejected commands with the domain's words for why. */
const losses = async ({ page }) => {
  const list = await rejected(page)
  return list.map(({ command, reason }) => ({ type: command.type, data: command.data, code: reason.code, detail: reason.detail }))
}

const completedTwice = { type: 'CompleteLesson', data: { lesson: 'l1' }, code: 'domain', detail: 'lesson-already-completed' }

test('the hand-in comes home first: the edit loses and says why', { timeout: 120_000 }, async (test) => {
  const devices = await twoDevices(test)
  const { phone, tablet } = devices
  await comeBack(phone, tablet)
  await agree(devices)
  assert.deepEqual(await losses(phone), [])
  const late = { type: 'Answer', data: { question: 'q1', answer: 'y' }, code: 'domain', detail: 'exam-handed-in' }
  assert.deepEqual(await losses(tablet), [completedTwice, late])

  await test.test('what was rejected is kept until the app resolves it', async () => {
    const [lesson, edit] = await rejected(tablet.page)
    await tablet.page.reload()
    await tablet.page.waitForFunction(() => globalThis.ready)
    await openLog(tablet.page, { name: 'academy', sync: syncWith(devices.server.url) })
    assert.deepEqual(await rejected(tablet.page), [lesson, edit])
    const again = await tablet.page.evaluate((id) => failure(() => log.rejected.retry(id)), edit.commitId)
    assert.equal(again.code, 'refused')
    assert.equal(again.details.detail, 'exam-handed-in')
    assert.equal(await tablet.page.evaluate((id) => log.rejected.discard(id), lesson.commitId), true)
    assert.deepEqual((await rejected(tablet.page)).map(({ commitId }) => commitId), [edit.commitId])
    await inStep(tablet.page)
    await agree(devices)
  })
})

test('the edit comes home first: the hand-in stays binding', { timeout: 120_000 }, async (test) => {
  const devices = await twoDevices(test)
  const { phone, tablet } = devices
  await comeBack(tablet, phone)
  await agree(devices)
  assert.deepEqual(await losses(tablet), [])
  assert.deepEqual(await losses(phone), [completedTwice])
})
