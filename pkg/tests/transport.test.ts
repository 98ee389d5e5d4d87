import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { surroundings } from '../src/environment.js'
import { isTidelogError } from '../src/errors.js'
import { checkSync, type SyncOptions } from '../src/sync-options.js'
import { httpTransport, parseRetryAfter } from '../src/transport.js'

describe('the transport, against a real HTTP server', () => {
  let url = ''
  let answer: (request: IncomingMessage, body: string, response: ServerResponse) => void
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => answer(request, body, response))
  })
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/logs/a`
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  const transport = (options: Partial<SyncOptions> = {}) => httpTransport({ url, ...options }, surroundings())

  it('sends JSON with a bearer token and hands on the whole answer', async () => {
    const seen: unknown[] = []
    answer = (request, body, response) => {
      const { method, headers } = request
      seen.push(method, request.url, headers.authorization, headers['content-type'], body)
      response.writeHead(429, { 'Content-Type': 'Application/Problem+JSON; charset=utf-8', 'Retry-After': '2' }).end('{}')
    }
    const result = await transport({ url: `${url}//`, token: () => Promise.resolve('secret') }).send('POST', '/commits', '{"a":1}')
    assert.deepEqual(seen, ['POST', '/logs/a/commits', 'Bearer secret', 'application/json', '{"a":1}'])
    assert.deepEqual(result, { status: 429, contentType: 'application/problem+json', body: '{}', retryAfter: 2_000 })
  })

  it('asks for the token once, and again when it is to be renewed', async () => {
    const tokens: (string | undefined)[] = []
    answer = (request, _body, response) => {
      tokens.push(request.headers.authorization)
      response.end()
    }
    let asked = 0
    const one = transport({ token: () => `t${++asked}` })
    await Promise.all([one.send('GET', '/events', undefined), one.send('GET', '/events', undefined)])
    assert.equal(await one.renewToken(), true)
    await one.send('GET', '/events', undefined)
    assert.deepEqual(tokens, ['Bearer t1', 'Bearer t1', 'Bearer t2'])
    assert.equal(await transport({ token: 'fixed' }).renewToken(), false)
    assert.equal(await transport({ token: () => '' }).renewToken(), false)
  })

  it('says that the token function failed, not what it said', async () => {
    let fails = true
    const one = transport({
      token: () => {
        if (fails) throw new Error('secret s3cr3t expired')
        return 'ok'
      },
    })
    answer = (_request, _body, response) => void response.end('fine')
    await assert.rejects(one.send('GET', '/', undefined), (failure: { code: string; message: string }) => {
      assert.equal(failure.code, 'token-failed')
      assert.doesNotMatch(failure.message, /s3cr3t/)
      return true
    })
    fails = false
    assert.equal((await one.send('GET', '/', undefined)).body, 'fine')
  })

  it('gives up after the time limit, also in the middle of an answer', async () => {
    answer = (_request, _body, response) => void response.write('{"half":')
    await assert.rejects(transport({ timeout: 100 }).send('GET', '/', undefined), { code: 'timeout' })
  })

  it('says that the server was not reached, and that an answer was cut off', async () => {
    await assert.rejects(transport({ url: 'http://127.0.0.1:1/' }).send('GET', '/', undefined), { code: 'network' })
    answer = (_request, _body, response) => {
      response.writeHead(200, { 'Content-Length': '100' })
      response.write('half')
      response.socket?.destroy()
    }
    await assert.rejects(transport().send('GET', '/', undefined), { code: 'network' })
  })

  it('gives up what is on its way when it is closed', async () => {
    const one = transport()
    answer = () => one.close()
    await assert.rejects(one.send('GET', '/', undefined), { code: 'network' })
    await assert.rejects(one.send('GET', '/', undefined), { code: 'closed' })
  })
})

describe('Retry-After', () => {
  it('is seconds or a date', () => {
    const now = Date.parse('2026-01-01T00:00:00Z')
    const cases: [string | null, number | undefined][] = [
      ['120', 120_000],
      [' 0 ', 0],
      ['Thu, 01 Jan 2026 00:00:05 GMT', 5_000],
      ['Wed, 31 Dec 2025 23:59:00 GMT', 0],
      ['-1', undefined],
      ['1.5', undefined],
      ['soon', undefined],
      [null, undefined],
    ]
    for (const [header, milliseconds] of cases) assert.equal(parseRetryAfter(header, now), milliseconds, String(header))
  })
})

describe('the options of the sync', () => {
  it('are checked', () => {
    for (const options of [{ url: '' }, { url: '/a', token: 1 }, { url: '/a', pollInterval: 1 }, { url: '/a', timeout: NaN }]) {
      assert.throws(() => checkSync(options as SyncOptions), (error) => isTidelogError(error, 'invalid-argument'))
    }
    checkSync({ url: '/logs/a', pollInterval: 100, timeout: 600_000, token: '' })
  })
})
