/** A server that is not well, or something else in its place: the status says what, the queue stays whole, and then all arrives once. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { events, inStep, openLog, openPage, startDevice, status, syncWith } from './kit/device.js'
import { atEnd, file } from './kit/ending.js'
import { answerWith, loseRequest, silence } from './kit/faults.js'
import { assertSameLog, assertWhole, serverLog } from './kit/log.js'
import { isPull, isPush, startProxy } from './kit/proxy.js'
import { scratch } from './kit/scratch.js'
import { startServer } from './kit/server.js'
import { startSite } from './kit/site.js'
import { until } from './kit/until.js'

const problem = (type, title, status) => JSON.stringify({ type: `urn:tidelog:problem:${type}`, title, status })

/** What comes instead of the server's answer, and the code that the status must show. `also` looks further into the status. */
const answers = {
  'a login page': [answerWith(200, 'text/html', '<!doctype html><form>Password</form>'), 'bad-answer'],
  'a page that says not found': [answerWith(404, 'text/html', '<h1>Not found</h1>'), 'refused'],
  'JSON of another service': [answerWith(200, 'application/json', '{"hello":"world"}'), 'bad-answer'],
  'JSON that breaks off': [answerWith(200, 'application/json', '{"logId":"x","commits":[{"firstVer'), 'bad-answer'],
  'no content': [answerWith(204, 'text/plain', ''), 'bad-answer'],
  'a redirect to nowhere': [answerWith(302, 'text/plain', '', { location: 'http://127.0.0.1:1/' }), 'network'],
  'a 403 in the words of the protocol': [answerWith(403, 'application/problem+json', problem('forbidden', 'You may not', 403)), 'refused'],
  'a 413 of something between': [answerWith(413, 'text/html', '<h1>Request Entity Too Large</h1>'), 'too-large'],
  'a 400 of something between': [answerWith(400, 'text/html', '<h1>Bad Request</h1>'), 'invalid'],
  'a 429 that says when': [
    answerWith(429, 'text/plain', 'slow down', { 'retry-after': '2' }),
    'rate-limited',
    ({ retryAt }, since) => assert.ok(retryAt - since >= 1_990, `a retry after ${retryAt - since} ms where 2 s were asked for`),
  ],
  'a 500': [answerWith(500, 'text/html', '<h1>Oops</h1>'), 'server'],
  'a 503 in the words of the protocol': [answerWith(503, 'application/problem+json', problem('unavailable', 'Later', 503)), 'server'],
  'a closed connection': [loseRequest, 'network'],
  'nothing at all': [silence, 'timeout'],
}

const folder = scratch(file)
let site
let server
let proxy
let device

before(async () => {
  site = await startSite()
  atEnd(file, () => site.close())
  server = await startServer({ database: join(folder, 'server.sqlite') })
  atEnd(file, () => server.stop())
  proxy = await startProxy(server.url)
  atEnd(file, () => proxy.close())
  device = await startDevice(join(folder, 'device'), site)
  atEnd(file, () => device.close())
})

const logUrl = () => `${server.url}/logs/academy`
const queue = (page) => page.evaluate(async () => (await log.queue.list()).map(({ commitId }) => commitId))
const resume = (page) => page.evaluate(() => log.sync.resume())

/** Appends marks while the sync is paused; resolves to the ids of their commits. */
const appendPaused = (page, count, bytes = 0) =>
  page.evaluate(
    async ([count, bytes]) => {
      log.sync.pause()
      const ids = []
      for (let number = 0; number < count; number++) {
        const { commitId } = await log.append(`mark-${number}`, [{ type: 'Marked', data: { number, filling: 'x'.repeat(bytes) } }])
        ids.push(commitId)
      }
      return ids
    },
    [count, bytes],
  )

/** The server's log holds these commits, each once, and the device's confirmed log equals it. */
async function arrivedOnce(page, ids) {
  await inStep(page)
  const log = await serverLog(logUrl())
  assertWhole(log)
  assertSameLog(await events(page), log)
  const there = log.map(({ commitId }) => commitId)
  for (const id of ids) assert.equal(there.filter((other) => other === id).length, 1, `commit ${id} on the server`)
  assert.deepEqual(await page.evaluate(() => log.rejected.list()), [])
  assert.equal((await status(page)).error, undefined)
}

test('whatever comes instead of an answer: the code is shown, the queue stays whole, then everything arrives once', { timeout: 240_000 }, async (test) => {
  const page = await openPage(device.context, site)
  await openLog(page, { name: 'academy', sync: syncWith(proxy.url, 'academy', { timeout: 600, live: false }) })
  for (const [name, [fault, code, also]] of Object.entries(answers)) {
    for (const [kind, matches] of Object.entries({ push: isPush, pull: isPull })) {
      await test.test(`${name} to a ${kind}`, async () => {
        const ids = await appendPaused(page, 4)
        const since = Date.now()
        void proxy.plan(matches, fault, Infinity)
        await resume(page)
        const shown = await until(
          `the code ${code}`,
          async () => {
            const now = await status(page)
            return now.error?.code === code && now.state === 'waiting' && now
          },
          { within: 10_000, otherwise: () => status(page) },
        )
        assert.ok(shown.error.message.length > 0)
        assert.ok(shown.retryAt > since, 'it says when it tries again')
        also?.(shown, since)
        assert.deepEqual(await queue(page), ids, 'the queue is not whole')
        proxy.heal()
        // Who resumes by hand does not want to wait until the back-off is over.
        await page.evaluate(() => {
          log.sync.pause()
          log.sync.resume()
        })
        await arrivedOnce(page, ids)
      })
    }
  }
  assert.deepEqual(await page.evaluate(() => errors), [])
  await page.close()
})

test('a fault that ends by itself: the back-off goes on by itself', { timeout: 60_000 }, async () => {
  const page = await openPage(device.context, site)
  await openLog(page, { name: 'back-off', sync: syncWith(proxy.url, 'academy', { live: false }) })
  const ids = await appendPaused(page, 2)
  const taken = proxy.plan(isPush, answerWith(500, 'text/plain', ''), 3)
  await resume(page)
  await taken
  await arrivedOnce(page, ids)
  await page.close()
})

test('a 429 is honoured: no request before the server allows one', { timeout: 60_000 }, async () => {
  const page = await openPage(device.context, site)
  await openLog(page, { name: 'patient', sync: syncWith(proxy.url, 'academy', { live: false }) })
  await inStep(page)
  const ids = await appendPaused(page, 2)
  const times = []
  const noting = (answer) => (exchange) => {
    times.push(Date.now())
    return answer(exchange)
  }
  const limited = proxy.plan(isPush, noting(answerWith(429, 'text/plain', '', { 'retry-after': '1' })))
  await resume(page)
  await limited
  const next = proxy.plan(() => true, noting(async (exchange) => exchange.answer(await exchange.forward())))
  // An impatient person changes nothing about it.
  await page.evaluate(() => log.sync.now())
  await next
  assert.ok(times[1] - times[0] >= 1_000, `a request after ${times[1] - times[0]} ms`)
  await arrivedOnce(page, ids)
  await page.close()
})

test('a wrong token: unauthorized until the app has a better one, and the queue stays whole', { timeout: 60_000 }, async () => {
  const page = await openPage(device.context, site)
  await page.evaluate(
    (url) =>
      open({
        name: 'token',
        sync: {
          url,
          token: () => {
            globalThis.asked = (globalThis.asked ?? 0) + 1
            return globalThis.token ?? 'wrong'
          },
          pollInterval: 500,
        },
      }),
    `${proxy.url}/logs/academy`,
  )
  // Refused at first with the token it began with, then with the one it was given after the 401, and no more from then on.
  const refused = (asked) =>
    until(`unauthorized after ${asked} questions for a token`, async () => {
      const now = await status(page)
      return now.state === 'unauthorized' && now.error?.code === 'unauthorized' && (await page.evaluate(() => globalThis.asked)) >= asked
    })
  await refused(2)
  const ids = await appendPaused(page, 3)
  await resume(page)
  await refused(3)
  assert.deepEqual(await queue(page), ids)
  assert.equal(await page.evaluate(() => globalThis.asked), 3, 'the token was asked for at first and once after each 401')
  await page.evaluate((token) => {
    globalThis.token = token
    log.sync.pause()
    log.sync.resume()
  }, syncWith('').token)
  await arrivedOnce(page, ids)
  await page.close()
})

test('a commit that the server can never take is rejected alone; the others arrive', { timeout: 60_000 }, async (test) => {
  const small = await startServer({ database: join(scratch(test), 'small.sqlite'), options: ['--max-body', '20000'] })
  atEnd(test, () => small.stop())
  const page = await openPage(device.context, site)
  atEnd(test, () => page.close())
  await openLog(page, { name: 'small', sync: syncWith(small.url) })
  const ids = await appendPaused(page, 30, 1_000)
  const [large] = await appendPaused(page, 1, 30_000)
  const more = await page.evaluate(async () => (await log.append('mark-more', [{ type: 'Marked', data: { number: 31 } }])).commitId)
  await resume(page)
  await inStep(page)
  const there = await serverLog(`${small.url}/logs/academy`)
  assertWhole(there)
  assert.deepEqual(there.map(({ commitId }) => commitId), [...ids, more])
  const [rejected, ...others] = await page.evaluate(() => log.rejected.list())
  assert.deepEqual(others, [])
  assert.equal(rejected.commitId, large)
  assert.equal(rejected.reason.code, 'server')
  assert.equal(rejected.events[0].data.filling.length, 30_000, 'what was rejected is kept whole')
})

test('the server is gone for good: work goes on, and nothing is lost when the page is opened again', { timeout: 60_000 }, async () => {
  const page = await openPage(device.context, site)
  // The discard port: nobody listens there.
  const options = { name: 'gone', sync: syncWith('http://127.0.0.1:9') }
  await openLog(page, options)
  const ids = await appendPaused(page, 3)
  await resume(page)
  await until('the network being missed', async () => (await status(page)).error?.code === 'network')
  await page.reload()
  await page.waitForFunction(() => globalThis.ready)
  await openLog(page, options)
  assert.deepEqual(await queue(page), ids)
  assert.deepEqual((await status(page)).pending, { commits: 3, events: 3 })
  await page.close()
})
