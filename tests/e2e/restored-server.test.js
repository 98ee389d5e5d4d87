/** The server comes back from a copy of its file that is older than what two browsers know: they bring back what it lost, once. */
import assert from 'node:assert/strict'
import { copyFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { events, execute, inStep, openLog, rejected, startDevice, status, syncWith } from './kit/device.js'
import { atEnd } from './kit/ending.js'
import { assertSameLog, assertWhole, serverLog } from './kit/log.js'
import { scratch } from './kit/scratch.js'
import { startServer } from './kit/server.js'
import { startSite } from './kit/site.js'
import { until } from './kit/until.js'

const complete = ({ page }, lesson) => execute(page, 'course', 'ada', { type: 'CompleteLesson', data: { lesson } })
const answer = ({ page }, question) => execute(page, 'exam', 'ada', { type: 'Answer', data: { question, answer: 'x' } })

/** What has come of the process, sorted. */
const effects = (log) => log.filter(({ stream }) => /^(certificate|badge)-/.test(stream)).map(({ stream, type }) => `${stream} ${type}`).sort()
const wanted = ['badge-ada Given', 'certificate-ada Given']

/** The ids of each stream's events, in order. */
function byStream(log) {
  const streams = {}
  for (const { stream, id } of log) (streams[stream] ??= []).push(id)
  return streams
}

test('a server that lost an hour gets it back from two browsers, nothing twice, and processes do nothing again', { timeout: 180_000 }, async (test) => {
  const folder = scratch(test)
  const site = await startSite()
  atEnd(test, () => site.close())
  const [database, backup] = ['server.sqlite', 'backup.sqlite'].map((name) => join(folder, name))
  let server = await startServer({ database })
  atEnd(test, () => server.stop())
  const again = async () => (server = await startServer({ database, port: server.port }))
  const devices = await Promise.all(['phone', 'tablet'].map((name) => startDevice(join(folder, name), site)))
  atEnd(test, () => Promise.all(devices.map((device) => device.close())))
  const [phone, tablet] = devices
  const offline = (is) => Promise.all(devices.map(({ context }) => context.setOffline(is)))
  const logUrl = `${server.url}/logs/academy`

  for (const { page } of devices) await openLog(page, { name: 'academy', certifies: true, sync: syncWith(server.url) })
  for (const { page } of devices) await until('the process acting', () => page.evaluate(async () => (await log.processes.status(domain.certification)).acting))
  await answer(tablet, 'q0')
  for (const { page } of [tablet, phone]) await inStep(page)

  await offline(true)
  await server.stop()
  await copyFile(database, backup)
  const kept = (await again(), await serverLog(logUrl)).length
  await offline(false)

  await complete(phone, 'last')
  await answer(tablet, 'q1')
  const onServer = () => serverLog(logUrl)
  await until('the effects', async () => effects(await onServer()).length >= wanted.length, { within: 60_000, otherwise: onServer })
  const instances = () => phone.page.evaluate(() => log.processes.list(domain.certification))
  await until('every step settled', async () => (await instances()).every(({ steps }) => steps.every(({ state }) => state === 'done')), { otherwise: instances })
  for (const { page } of [phone, tablet, phone]) await inStep(page)
  const before = await onServer()
  assert.deepEqual(effects(before), wanted)
  assert.ok(before.length >= kept + 4, `${before.length} events and ${kept} in the backup`)

  await offline(true)
  await server.stop()
  await Promise.all(['-wal', '-shm'].map((end) => rm(database + end, { force: true })))
  await copyFile(backup, database)
  await again()
  assert.equal((await onServer()).length, kept, 'the server has lost it')
  const waiting = await answer(tablet, 'q2')
  await offline(false)
  for (const { page } of [phone, tablet, phone, tablet]) await inStep(page)

  const after = await onServer()
  assertWhole(after)
  const expected = byStream(before)
  expected['exam-ada'].push(...waiting.events.map(({ id }) => id))
  assert.deepEqual(byStream(after), expected, 'the same events in the same order, and what was waiting')
  assert.deepEqual(effects(after), wanted, 'each effect once')
  for (const { page } of devices) {
    assertSameLog(await events(page, { confirmedOnly: true }), after)
    const { rewound, renamed, orphans } = await status(page)
    assert.ok(rewound?.commits > 0 && rewound.position <= kept, JSON.stringify(rewound))
    assert.deepEqual([renamed, orphans, await rejected(page)], [undefined, 0, []])
    assert.deepEqual(await page.evaluate(() => errors), [])
  }
})
