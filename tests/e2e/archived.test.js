/** The real server archives streams while browsers know them: a new device goes on with what is left, an old one keeps what it has, and nobody adds to them. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { execute, inStep, openLog, rejected, startDevice, status, syncWith } from './kit/device.js'
import { atEnd } from './kit/ending.js'
import { serverBinary } from './kit/places.js'
import { scratch } from './kit/scratch.js'
import { startServer } from './kit/server.js'
import { startSite } from './kit/site.js'
import { until } from './kit/until.js'

const complete = ({ page }, learner, lesson) => execute(page, 'course', learner, { type: 'CompleteLesson', data: { lesson } })
const lessons = ({ page }, learner) => page.evaluate(async (learner) => (await Array.fromAsync(log.read({ stream: `course-${learner}` }))).length, learner)
const archived = ({ page }) => page.evaluate(() => log.sync.archived().map(({ stream, version, here }) => [stream, version, here]))
/** The code of the error that a command ends with. */
const refusal = ({ page }, learner) =>
  page.evaluate(
    (learner) =>
      log.execute(domain.course, learner, { type: 'CompleteLesson', data: { lesson: 'more' } }).then(
        () => 'accepted',
        ({ code, details }) => [code, details.stream, details.version],
      ),
    learner,
  )

test('streams that the server archives', { timeout: 120_000 }, async (test) => {
  const folder = scratch(test)
  const site = await startSite()
  atEnd(test, () => site.close())
  const database = join(folder, 'server.sqlite')
  const server = await startServer({ database })
  atEnd(test, () => server.stop())
  const devices = await Promise.all(['phone', 'tablet'].map((name) => startDevice(join(folder, name), site)))
  atEnd(test, () => Promise.all(devices.map((device) => device.close())))
  const [phone, tablet] = devices
  const open = ({ page }) => openLog(page, { name: 'academy', sync: syncWith(server.url) })

  await open(phone)
  for (const lesson of ['l1', 'l2']) for (const learner of ['ada', 'eve']) await complete(phone, learner, lesson)
  await inStep(phone.page)
  await phone.context.setOffline(true)
  await complete(phone, 'ada', 'too-late')
  await complete(phone, 'eve', 'l3')
  // Ada's last event stands before Eve's.
  const archive = ['archive', 'academy', '--database', database, '--before', '4', '--to', join(folder, 'old.sqlite')]
  const { stdout } = await promisify(execFile)(serverBinary(), archive)
  assert.match(stdout, /1 streams with 2 events/)

  await open(tablet)
  await inStep(tablet.page)
  assert.deepEqual(await archived(tablet), [['course-ada', 2, 0]])
  assert.deepEqual([await lessons(tablet, 'ada'), await lessons(tablet, 'eve')], [0, 2])
  assert.deepEqual(await refusal(tablet, 'ada'), ['stream-archived', 'course-ada', 2])

  await phone.context.setOffline(false)
  await until('the refusal', async () => (await rejected(phone.page)).length === 1, { otherwise: () => status(phone.page) })
  await inStep(phone.page)
  const [late] = await rejected(phone.page)
  assert.equal(late.reason.code, 'stream-archived')
  assert.deepEqual(await archived(phone), [['course-ada', 2, 2]])
  assert.deepEqual([await lessons(phone, 'ada'), await lessons(phone, 'eve')], [2, 3])
  const { archived: count, pending } = await status(phone.page)
  assert.deepEqual([count, pending.commits], [1, 0])

  await tablet.page.reload()
  await open(tablet)
  assert.deepEqual(await refusal(tablet, 'ada'), ['stream-archived', 'course-ada', 2])
  await inStep(tablet.page)
  assert.equal(await lessons(tablet, 'eve'), 3)
  for (const { page } of devices) assert.deepEqual(await page.evaluate(() => errors), [])
})
