/** The demo as `cargo xtask demo` serves it: its story clicked through on a wide and a narrow screen, and by keyboard. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startBrowser } from './kit/browser.js'
import { atEnd } from './kit/ending.js'
import { assertWhole, serverCommits, serverLog } from './kit/log.js'
import { inRepository } from './kit/places.js'
import { scratch } from './kit/scratch.js'
import { startServer, TOKEN } from './kit/server.js'
import { startSite } from './kit/site.js'
import { until } from './kit/until.js'

const lessons = ['l1', 'l2', 'l3']

/** The demo in a browser of this width, once its records are on the server and on both devices. */
async function openDemo(test, viewport) {
  const dist = inRepository('www/dist')
  assert.ok(existsSync(join(dist, 'index.html')), 'www/dist is not there: run `cargo xtask build`')
  const folder = scratch(test)
  const server = await startServer({ database: join(folder, 'server.sqlite') })
  atEnd(test, () => server.stop())
  const url = `${server.url}/logs/demo`
  const site = await startSite({ folders: { '/': dist }, answers: { '/config.json': { sync: { url, token: TOKEN } } } })
  atEnd(test, () => site.close())
  const browser = await startBrowser(join(folder, 'profile'), { viewport })
  atEnd(test, () => browser.close())
  const page = await browser.context.newPage()
  const problems = []
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
  await page.goto(site.url)
  const demo = { page, url, problems, narrow: viewport.width < 600, id: (id) => page.getByTestId(id) }
  await imported(demo)
  await inStep(demo)
  return demo
}

const imported = ({ page, id }) => id('import').and(page.locator('[data-phase=done]')).waitFor({ state: 'attached', timeout: 60_000 })

/** Nothing waits on either device, and both know as much as the server. */
async function inStep({ page, url }) {
  const looks = async () => {
    const states = await page.locator('[data-testid$=-status]').evaluateAll((all) => all.map(({ dataset }) => dataset.state))
    const waiting = await page.locator('[data-testid$=-queue]').evaluateAll((all) => all.map(({ dataset }) => dataset.count))
    const known = await page.getByTestId('server-events').textContent()
    return { states, waiting, known: Number(known.replace(/\D/g, '')), there: (await serverLog(url)).length }
  }
  await until(
    'both devices in step',
    async () => {
      const { states, waiting, known, there } = await looks()
      return states.every((state) => state === 'idle') && waiting.every((count) => count === '0') && known === there
    },
    { within: 60_000, every: 100, otherwise: looks },
  )
}

/** How a person does things: by pointer, or by keyboard alone. */
const pointer = {
  press: async ({ id }, name) => id(name).click(),
}
const keyboard = {
  /** Tabs to a control from wherever the focus is, and presses it. Within a group of radio buttons the arrows go on. */
  async press({ page, id }, name) {
    const target = id(name)
    await target.waitFor()
    const radio = (await target.getAttribute('type')) === 'radio'
    const nextKey = () =>
      target.evaluate((element) => {
        const { activeElement } = document
        if (activeElement === element) return undefined
        if (element.type !== 'radio' || activeElement.name !== element.name) return 'Tab'
        return element.compareDocumentPosition(activeElement) & Node.DOCUMENT_POSITION_FOLLOWING ? 'ArrowUp' : 'ArrowDown'
      })
    let key
    for (let steps = 0; (key = await nextKey()) !== undefined; steps++) {
      assert.ok(steps < 400, `${name} is not reached by keyboard`)
      await page.keyboard.press(key)
    }
    const outline = await page.evaluate(() => {
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(document.activeElement)
      return outlineStyle !== 'none' && outlineWidth !== '0px' ? 'outline' : boxShadow
    })
    assert.notEqual(outline, 'none', `the focus on ${name} can't be seen`)
    // An arrow has chosen the radio button that it reached.
    const chosen = radio && (await target.isChecked())
    if (!chosen) await page.keyboard.press('Space')
  },
}

/** Shows a device where the screen is too narrow for two. */
async function show(demo, device, person) {
  if (demo.narrow) await person.press(demo, `show-${device}`)
}

const contents = async (demo, device, person) => {
  if (await demo.id(`device-${device}-contents`).isVisible()) await person.press(demo, `device-${device}-contents`)
}

async function complete(demo, device, lesson, person) {
  await contents(demo, device, person)
  await person.press(demo, `device-${device}-open-${lesson}`)
  await person.press(demo, `device-${device}-complete-${lesson}`)
  await demo.id(`device-${device}-${lesson}-state`).waitFor()
}

async function openExam(demo, device, person) {
  await contents(demo, device, person)
  await person.press(demo, `device-${device}-open-exam`)
}

const toggle = async (demo, device, person) => {
  await person.press(demo, `device-${device}-online`)
}

/** The story of the demo, with both devices offline in its middle. */
async function play(demo, person) {
  const { page, id } = demo
  await show(demo, 'phone', person)
  await openExam(demo, 'phone', person)
  await person.press(demo, 'device-phone-q1-b')
  await show(demo, 'tablet', person)
  await openExam(demo, 'tablet', person)
  await until('the answer of the phone being on the tablet', () => id('device-tablet-q1-b').isChecked())
  await inStep(demo)

  for (const device of ['phone', 'tablet']) await toggle(demo, device, person)
  await show(demo, 'phone', person)
  await complete(demo, 'phone', 'l1', person)
  await complete(demo, 'phone', 'l2', person)
  await openExam(demo, 'phone', person)
  await person.press(demo, 'device-phone-hand-in')
  await person.press(demo, 'device-phone-hand-in-for-good')
  await id('device-phone-exam-state').waitFor()
  assert.equal(await id('device-phone-exam-state').getAttribute('data-certainty'), 'pending')

  await show(demo, 'tablet', person)
  await complete(demo, 'tablet', 'l1', person)
  await complete(demo, 'tablet', 'l3', person)
  await openExam(demo, 'tablet', person)
  await person.press(demo, 'device-tablet-q1-a')
  await id('device-tablet-queue').and(page.locator('[data-count="3"]')).waitFor()

  await toggle(demo, 'phone', person)
  await id('device-phone-queue').and(page.locator('[data-count="0"]')).waitFor({ state: 'attached' })
  await toggle(demo, 'tablet', person)
  await inStep(demo)
}

/** Both devices show the end that the rules ask for, and the server's log holds it. */
async function assertEnd(demo) {
  const { page, id, url } = demo
  const reasons = (device) => id(`device-${device}-rejected`).locator('li').evaluateAll((all) => all.map(({ dataset }) => dataset.reason))
  assert.deepEqual(await reasons('tablet'), ['lesson-already-completed', 'exam-handed-in'])
  assert.deepEqual(await reasons('phone'), [])
  for (const device of ['phone', 'tablet']) {
    await show(demo, device, pointer)
    const progress = id(`device-${device}`).getByTestId('progress')
    await progress.filter({ hasText: /^3 of \d+ lessons/ }).waitFor()
    for (const lesson of lessons) {
      await contents(demo, device, pointer)
      await id(`device-${device}-open-${lesson}`).click()
      assert.equal(await id(`device-${device}-${lesson}-state`).getAttribute('data-certainty'), 'confirmed')
    }
    await openExam(demo, device, pointer)
    assert.equal(await id(`device-${device}-exam-state`).getAttribute('data-certainty'), 'confirmed')
    assert.equal(await id(`device-${device}-q1-b`).isChecked(), true, `the answer that was handed in, on the ${device}`)
  }
  const log = await serverLog(url)
  assertWhole(log)
  const story = log.filter(({ stream }) => !stream.startsWith('enrolment-')).map(({ type, data }) => (type === 'LessonCompleted' ? data.lesson : type))
  assert.deepEqual([...story].sort(), ['ExamHandedIn', 'QuestionAnswered', ...lessons])
  assert.equal(Number(await id('log-list').getAttribute('data-count')), log.length)
  assert.deepEqual(demo.problems, [])
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the page scrolls sideways')
}

for (const viewport of [
  { width: 1280, height: 900 },
  { width: 390, height: 844 },
]) {
  test(`the story of two devices at ${viewport.width} px`, { timeout: 180_000 }, async (test) => {
    const demo = await openDemo(test, viewport)
    await play(demo, pointer)
    await assertEnd(demo)

    await test.test('is the same after a reload', async () => {
      await demo.page.reload()
      await imported(demo)
      await inStep(demo)
      await assertEnd(demo)
    })
  })
}

test('the story by keyboard alone', { timeout: 180_000 }, async (test) => {
  const demo = await openDemo(test, { width: 1280, height: 900 })
  await play(demo, keyboard)
  await assertEnd(demo)
})

for (const viewport of [
  { width: 1280, height: 900 },
  { width: 390, height: 844 },
]) {
  test(`the course as it stood on a day, at ${viewport.width} px`, { timeout: 180_000 }, async (test) => {
    const demo = await openDemo(test, viewport)
    const { page, id, url } = demo
    const log = await serverLog(url)
    const commits = await serverCommits(url)
    const days = commits.flatMap(({ commit: { events, metadata } }) =>
      events.map(({ occurredAt = metadata.occurredAt }) => new Date(occurredAt).toISOString().slice(0, 10)),
    )
    const count = days.findIndex((day) => day > '2014-03-03')
    assert.ok(count > 0 && count < log.length, 'the third of March lies within the records')
    const seen = log.slice(0, count)
    const of = (type, events) => events.filter((event) => event.type === type).length
    const shows = (at) => id('dashboard-at').and(page.locator(`[data-at="${at}"]`)).waitFor()
    const number = async (name) => Number((await id(name).textContent()).replace(/\D/g, ''))

    await id('log-day').fill('2014-03-03')
    await shows(count)
    assert.equal(await number('total-learners'), of('Registered', seen))
    assert.equal(await number('total-submissions'), of('AssessmentSubmitted', seen))
    assert.match(await id('log-slider').getAttribute('aria-valuetext'), new RegExp(`After event ${count} of ${log.length}, day \\d+`))

    // What nobody could see then, and why it is so today.
    await id('since-summary').and(page.locator(`[data-total="${log.length - count}"]`)).waitFor()
    assert.match(await id('since-summary').textContent(), new RegExp(`${(of('AssessmentSubmitted', log) - of('AssessmentSubmitted', seen)).toLocaleString('en')} submissions`))
    const first = id('since-learner').first()
    const learner = await first.locator('.name').textContent()
    await first.click()
    const news = log.slice(count).filter(({ stream }) => stream.endsWith(`-${learner.trim()}`))
    assert.ok(news.length > 0, `${learner} has news`)
    await until('the events behind it', async () => (await id('since-events').locator('li').count()) === news.length)
    assert.ok((await id('since-why').locator('tbody tr').count()) > 0, 'no field is named')

    // By keyboard, event by event, and back to the present.
    await id('log-slider').focus()
    await page.keyboard.press('ArrowRight')
    await shows(count + 1)
    await id('log-slider').focus()
    await page.keyboard.press('Home')
    await shows(0)
    assert.equal(await number('total-learners'), 0)
    await id('log-now').click()
    await shows('now')
    assert.equal(await id('since').count(), 0)
    assert.equal(await number('total-submissions'), of('AssessmentSubmitted', log))
    assert.deepEqual(demo.problems, [])
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the page scrolls sideways')
  })
}

const meetings = [
  ['done-twice', 'absorbed', /nothing to add/, 'Lessons done: 1.'],
  ['handed-in-twice', 'kept', /came first, so that one counts/, 'Counts: “high tide at noon”. On record beside it: 1.'],
  ['last-seat', 'rejected', /Mira was first/, 'In the group: Mira.'],
  ['two-notes', 'merged', /Both texts stay/, 'The note: Spring tides: twice a month. Ask about neap tides.'],
]

for (const [viewport, person] of [
  [{ width: 1280, height: 900 }, keyboard],
  [{ width: 390, height: 844 }, pointer],
]) {
  test(`five meetings of two devices, in a learner's words, at ${viewport.width} px`, { timeout: 180_000 }, async (test) => {
    const demo = await openDemo(test, viewport)
    const { page, id } = demo
    const stands = (key, state, outcome) => id(`story-${key}`).and(page.locator(`[data-state=${state}][data-outcome=${outcome}]`)).waitFor({ timeout: 60_000 })
    for (const [key, outcome, words, shows] of meetings) {
      await person.press(demo, `story-${key}-play`)
      await stands(key, 'told', outcome)
      assert.match(await id(`story-${key}-told`).textContent(), words)
      assert.equal(await id(`story-${key}-shows`).textContent(), `On both now: ${shows}`)
    }
    for (const [choice, outcome, counts] of [['keep', 'kept', 'the Moon and the Sun'], ['discard', 'rejected', 'the Moon']]) {
      await person.press(demo, 'story-which-sheet-play')
      await stands('which-sheet', 'asked', 'asked')
      // for the pictures in docs/images
      if (process.env.TIDELOG_SHOTS) await id('stories').screenshot({ path: join(process.env.TIDELOG_SHOTS, `stories-${viewport.width}.png`) })
      await person.press(demo, `story-which-sheet-${choice}`)
      await stands('which-sheet', 'told', outcome)
      assert.equal(await id('story-which-sheet-shows').textContent(), `On both now: Counts: “${counts}”.`)
    }
    assert.deepEqual(demo.problems, [])
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the page scrolls sideways')
  })
}
