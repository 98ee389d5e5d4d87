/** A teacher follows one class, then two, then another: the tablet has what it follows, as the server has it. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { events, execute, inStep, openLog, startDevice, status, syncWith, visit } from './kit/device.js'
import { atEnd } from './kit/ending.js'
import { assertSameLog, assertWhole, serverLog } from './kit/log.js'
import { scratch } from './kit/scratch.js'
import { startServer } from './kit/server.js'
import { startSite } from './kit/site.js'
import { until } from './kit/until.js'

const complete = ({ page }, id, lesson) => execute(page, 'course', id, { type: 'CompleteLesson', data: { lesson } })
const row = ({ page }, id) => page.evaluate((id) => log.row(domain.progress, `course-${id}`), id)

test('a rule that grows brings the past of a class, and one that shrinks ends its news', { timeout: 180_000 }, async (test) => {
  const folder = scratch(test)
  const site = await startSite()
  atEnd(test, () => site.close())
  const server = await startServer({ database: join(folder, 'server.sqlite') })
  atEnd(test, () => server.stop())
  const url = `${server.url}/logs/academy`
  const [school, teacher] = await Promise.all(['school', 'teacher'].map((name) => startDevice(join(folder, name), site)))
  atEnd(test, () => Promise.all([school.close(), teacher.close()]))
  await openLog(school.page, { name: 'academy', sync: syncWith(server.url) })
  for (let number = 0; number < 12; number++) await complete(school, ['7a-ada', '7b-bob', '8c-eve'][number % 3], `l${number}`)
  await inStep(school.page)

  /** The tablet has of these streams what the server has, in its order; nothing else of others than a first part. */
  const has = async (...streams) => {
    const log = await serverLog(url)
    assertWhole(log)
    const followed = (event) => streams.some((stream) => event.stream.startsWith(`course-${stream}`))
    const here = await events(teacher.page, { confirmedOnly: true })
    assertSameLog(here.filter(followed), log.filter(followed), `the tablet that follows ${streams}`)
    return here.filter((event) => !followed(event))
  }
  const isFetched = () => until('the past being fetched', async () => !(await status(teacher.page)).fetching, { within: 30_000, otherwise: () => status(teacher.page) })

  await openLog(teacher.page, { name: 'academy', sync: syncWith(server.url, 'academy', { follow: ['course-7a-*'] }) })
  await inStep(teacher.page)
  assert.deepEqual(await has('7a-'), [], 'what is not followed')
  assert.equal(await row(teacher, '7b-bob'), undefined)

  await test.test('one class more, also for a tab that does not sync', async () => {
    const other = await teacher.context.newPage()
    await visit(other, site)
    await openLog(other, { name: 'academy', sync: syncWith(server.url) })
    await other.evaluate(() => log.sync.follow(['course-7a-*', 'course-7b-*']))
    await isFetched()
    assert.deepEqual(await has('7a-', '7b-'), [], 'what is not followed')
    assert.deepEqual(await row(teacher, '7b-bob'), { lessons: ['l1', 'l4', 'l7', 'l10'] })
    assert.deepEqual(await other.evaluate(() => log.row(domain.progress, 'course-7b-bob')), { lessons: ['l1', 'l4', 'l7', 'l10'] })
    await other.close()
  })

  await test.test('news of both, as they come', async () => {
    await complete(school, '7b-bob', 'new')
    await complete(school, '8c-eve', 'unheard')
    await complete(school, '7a-ada', 'new')
    await inStep(school.page)
    await until('the news being there', async () => (await row(teacher, '7a-ada')).lessons.includes('new'), { within: 30_000 })
    assert.deepEqual(await has('7a-', '7b-'), [], 'what is not followed')
  })

  await test.test('a command in a stream that is not followed is confirmed', async () => {
    const outcome = await teacher.page.evaluate(async () => {
      const receipt = await log.execute(domain.course, '8c-eve', { type: 'CompleteLesson', data: { lesson: 'visit' } })
      return (await receipt.confirmed).status
    })
    assert.equal(outcome, 'rebased')
    const log = await serverLog(url)
    assert.deepEqual(log.filter(({ stream }) => stream === 'course-8c-eve').map(({ data }) => data.lesson), ['l2', 'l5', 'l8', 'l11', 'unheard', 'visit'])
    await has('7a-', '7b-')
  })

  await test.test('one class less, which the tablet forgets', async () => {
    await teacher.page.evaluate(() => log.sync.follow({ streams: ['course-7b-*'], forget: true }))
    await inStep(teacher.page)
    const streams = () => teacher.page.evaluate(() => log.streams())
    await until('what is not followed being forgotten', async () => (await streams()).length === 1, { within: 30_000, otherwise: streams })
    await complete(school, '7a-ada', 'unheard')
    await complete(school, '7b-bob', 'heard')
    await inStep(school.page)
    // what was told last counts when nothing is said
    await visit(teacher.page, site)
    await openLog(teacher.page, { name: 'academy', sync: syncWith(server.url) })
    await inStep(teacher.page)
    assert.deepEqual(await has('7b-'), [], 'what is not followed')
    assert.equal(await row(teacher, '7a-ada'), undefined)
    assert.deepEqual(await teacher.page.evaluate(() => errors), [])
  })

  await test.test('what is no rule is refused with its place', async () => {
    for (const bad of [['a*b'], 'course', { streams: [7] }, Array.from({ length: 65 }, (_, index) => `a-${index}`)]) {
      const { tidelog, code, message } = await teacher.page.evaluate((bad) => failure(() => log.sync.follow(bad)), bad)
      assert.deepEqual({ tidelog, code }, { tidelog: true, code: 'invalid-argument' }, JSON.stringify(bad))
      assert.match(message, /follow/)
    }
    assert.deepEqual(await has('7b-'), [])
  })
})
