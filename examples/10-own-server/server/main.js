/**
 * A sync server in plain Node.js: `node server/main.js FOLDER [PORT]`. The token is taken from $TOKEN; without one it serves everybody. $RULES may
 * name a module that exports `rules`, which looks at each commit before it counts: see the example 11-server-with-rules.
 */
import { timingSafeEqual, createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { createServer } from 'node:http'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { integer, Invalid, outline, uuid } from './commit.js'
import { parse, write } from './json.js'
import { Log, Refused } from './log.js'

const [folder = 'logs', port = '8080'] = process.argv.slice(2)
const token = process.env.TOKEN
const largest = 4 << 20
const spoken = [1]
const about = { protocols: spoken, limits: { pushBytes: largest, pushCommits: 1_000, pageEvents: 1_000, waitSeconds: 30 }, features: ['wait'] }
const logs = new Map()
const { rules } = process.env.RULES ? await import(pathToFileURL(resolve(process.env.RULES))) : {}
mkdirSync(folder, { recursive: true })

const titles = { unauthorized: 'A valid token is needed', 'not-found': 'There is no such resource', 'method-not-allowed': 'The resource has no such method', 'too-large': 'The request is too large', 'unsupported-protocol': 'The server does not speak this version', 'invalid-cursor': 'The cursor is not one of this log', 'history-lost': 'The log has lost what was read', fenced: 'The device is not alone', unavailable: 'The server failed' }
const shared = { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': 'Retry-After, WWW-Authenticate', 'Cache-Control': 'no-store' }
const hash = (text) => createHash('sha256').update(text).digest()

function admit({ headers }) {
  if (token === undefined) return
  const shown = /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1]
  if (shown === undefined || !timingSafeEqual(hash(shown), hash(token))) throw new Refused(401, 'unauthorized', 'the server does not know this token, or was shown none', { 'WWW-Authenticate': 'Bearer realm="tidelog"' })
}

async function body(request) {
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = request.headers
  if (encoding !== 'identity' || type.split(';')[0].trim().toLowerCase() !== 'application/json') throw new Refused(415, 'invalid-request', 'a push is application/json without an encoding')
  const pieces = []
  let size = 0
  for await (const piece of request) {
    size += piece.length
    if (size <= largest) pieces.push(piece) // the rest is read and thrown away, so that the answer arrives
  }
  if (size > largest) throw new Refused(413, 'too-large', `the body is over ${largest} bytes`)
  try {
    return parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces)))
  } catch (error) {
    throw new Refused(400, 'invalid-request', error.message)
  }
}

function checkVersion(version) {
  if (!spoken.includes(version)) throw new Refused(400, 'unsupported-protocol', `the request is of protocol ${version}; this server speaks ${spoken.join(', ')}`, {}, { supported: spoken })
}

function push(log, json) {
  const { protocol, deviceId, commits, cursor, producer } = json ?? {}
  if (Number.isInteger(protocol)) checkVersion(protocol)
  try {
    integer(protocol, 'protocol')
    uuid(deviceId, 'deviceId')
    if (!Array.isArray(commits) || commits.length === 0) throw new Invalid('commits: not a list with at least one commit')
    if (commits.length > 1_000) throw new Refused(413, 'too-large', `${commits.length} commits are over the limit of 1000`)
    const counted = producer && { id: uuid(producer.id, 'producer.id'), epoch: integer(producer.epoch, 'producer.epoch'), sequence: integer(producer.sequence, 'producer.sequence') }
    return log.push(commits, commits.map((one, index) => outline(one, `commits[${index}]`)), cursor, counted)
  } catch (error) {
    throw error instanceof Invalid ? new Refused(400, 'invalid-request', error.message) : error
  }
}

async function pull(log, query) {
  const number = (name, most, absent) => {
    const text = query.get(name) ?? String(absent)
    if (!/^\d{1,4}$/.test(text) || Number(text) < 1 || Number(text) > most) throw new Refused(400, 'invalid-request', `${name} is not from 1 to ${most}`)
    return Number(text)
  }
  checkVersion(number('protocol', 9_999, 1))
  const after = query.get('after') ?? ''
  const limit = number('limit', 1_000, 1_000)
  const until = Date.now() + (query.has('wait') ? number('wait', 30) : 0) * 1_000
  for (const follows = followed(query.getAll('follow')); ; ) {
    const page = log.page(after, limit, follows)
    if (page.commits.length > 0 || Date.now() >= until) return page
    await log.news((until - Date.now()) / 1_000)
  }
}

/** What tells whether a stream is among those that a client follows: all, unless it names some. */
function followed(rules) {
  if (rules.length > 256) throw new Refused(400, 'invalid-request', `follow: ${rules.length} rules are over the limit of 256`)
  for (const rule of rules) {
    const fits = Buffer.byteLength(rule) <= 512 && /^(|\*|[^-*\p{Cc}][^*\p{Cc}]*\*?)$/u.test(rule) && !/^[^-]*-$/.test(rule)
    if (!fits) throw new Refused(400, 'invalid-request', `follow: ${JSON.stringify(rule.slice(0, 64))} is no rule`)
  }
  const names = (stream) => (rule) => (rule.endsWith('*') ? stream.startsWith(rule.slice(0, -1)) : stream === rule || (rule !== '' && !rule.includes('-') && stream.startsWith(`${rule}-`)))
  return (stream) => rules.length === 0 || rules.some(names(stream))
}

async function answer(request) {
  const { pathname, searchParams } = new URL(request.url, 'http://server')
  if (request.method === 'OPTIONS') return [204, { 'Access-Control-Allow-Methods': 'GET, POST', 'Access-Control-Allow-Headers': 'authorization, content-type, last-event-id', 'Access-Control-Max-Age': '600' }, '']
  if (pathname === '/healthz') return [200, {}, 'ok']
  admit(request)
  const [, name, resource] = /^\/logs\/([a-z0-9][a-z0-9-]{0,62})(?:\/(commits|events))?$/.exec(pathname) ?? []
  if (!name) throw new Refused(404, 'not-found', `there is nothing at ${pathname}`)
  const method = resource === 'commits' ? 'POST' : 'GET'
  if (request.method !== method) throw new Refused(405, 'method-not-allowed', `${pathname} has no method ${request.method}`, { Allow: method })
  if (resource === undefined) return [200, { 'Content-Type': 'application/json' }, write(about)]
  const json = method === 'POST' ? await body(request) : undefined
  if (!logs.has(name)) logs.set(name, new Log(`${folder}/${name}.log`, rules))
  const log = logs.get(name)
  return [200, { 'Content-Type': 'application/json' }, write(json === undefined ? await pull(log, searchParams) : push(log, json))]
}

const server = createServer(async (request, response) => {
  try {
    const [status, headers, text] = await answer(request)
    response.writeHead(status, { ...shared, ...headers }).end(text)
  } catch (error) {
    const { status = 500, type = 'unavailable', headers = {}, more, message } = error
    if (status === 500) console.error(error)
    request.resume() // whatever was not read, so that the answer arrives
    const problem = { type: `urn:tidelog:problem:${type}`, title: titles[type] ?? 'The request is not what the protocol says', status, detail: status === 500 ? 'see the log of the server' : message, ...more }
    response.writeHead(status, { ...shared, 'Content-Type': 'application/problem+json', ...headers }).end(JSON.stringify(problem))
  }
})
server.listen(Number(port), '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${server.address().port}`))
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => (server.close(() => process.exit(0)), server.closeAllConnections()))
