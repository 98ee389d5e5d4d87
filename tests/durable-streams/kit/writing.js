/**
 * What the suite needs and a feed has not: writing. A feed is what devices have pushed; so this stands between the suite and the server,
 * and makes each stream of the suite a log, and each of its messages an event that is pushed as a device pushes.
 *
 * Reading goes to the feed of the server and comes back as it came: status, headers, body. Only streams of text or bytes wear another
 * dress there, since events are JSON: each append is an event whose data is a JSON string, and an answer of `["a","b"]` becomes `ab`.
 * What a feed has no equal of (closing, forks, time to live, order and producers of appends) is refused with 405.
 */
import { createHash, randomBytes } from 'node:crypto'
import { createServer, request } from 'node:http'
import { Undressed } from './undressed.js'

/** Headers of requests to write that a log has no equal of. */
const FOREIGN = /^(stream-(ttl|expires-at|closed|seq|fork.*)|producer-.*)$/
const JSON_TYPE = 'application/json'
const DEVICE = '01992a10-7c00-7000-8000-0000000000d5'

/** A UUID of version 7. */
function id() {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(Date.now(), 0, 6)
  bytes[6] = 0x70 | (bytes[6] & 0x0f)
  bytes[8] = 0x80 | (bytes[8] & 0x3f)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

const essence = (type) => type.split(';')[0].trim().toLowerCase()
const isText = (type) => essence(type).startsWith('text/')
const isJson = (type) => essence(type) === JSON_TYPE

/** The messages in the body of an append, as JSON values; none if it should be JSON and is not. */
function messages(type, body) {
  if (isText(type)) return [body.toString('utf8')]
  if (!isJson(type)) return [body.toString('base64')]
  try {
    const value = JSON.parse(body.toString('utf8'))
    return Array.isArray(value) ? value : [value]
  } catch {
    return undefined
  }
}

async function read(incoming) {
  const chunks = []
  for await (const chunk of incoming) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/**
 * Listens on a free port of this machine. `resource` names the feed of a log that a stream of the suite is read by: `feed`, or
 * `feed/STREAM`. Resolves to its address and `stop`.
 */
export async function writing({ server, token, resource, stream }) {
  /** The media types of the streams that were made, by their paths. */
  const types = new Map()
  const authorization = `Bearer ${token}`
  const logOf = (path) => `${server}/logs/s${createHash('sha256').update(path).digest('hex').slice(0, 40)}`

  /** Where the feed ends. */
  async function end(path) {
    const answer = await fetch(`${logOf(path)}/${resource}`, { method: 'HEAD', headers: { authorization } })
    return answer.headers.get('stream-next-offset')
  }

  /** Pushes an event for each value; resolves to the status that says no, or to nothing. */
  async function push(path, values) {
    if (values.length === 0) return undefined
    const now = Date.now()
    const metadata = { correlationId: id(), deviceId: DEVICE, sessionId: DEVICE, occurredAt: now }
    const events = values.map((data) => ({ id: id(), type: 'MessageAppended', data }))
    const commit = { id: id(), stream, expectedVersion: 'any', metadata, events }
    const body = JSON.stringify({ protocol: 1, deviceId: DEVICE, commits: [commit] })
    const answer = await fetch(`${logOf(path)}/commits`, { method: 'POST', headers: { authorization, 'content-type': JSON_TYPE }, body })
    const said = await answer.json()
    if (answer.status !== 200) return answer.status
    if (said.outcomes?.[0]?.status !== 'committed') throw new Error(`the push was answered ${JSON.stringify(said)}`)
    return undefined
  }

  async function write(incoming, outgoing, path) {
    const answer = (status, headers = {}) => outgoing.writeHead(status, headers).end()
    if (Object.keys(incoming.headers).some((name) => FOREIGN.test(name))) return answer(405)
    const body = await read(incoming)
    const isNew = incoming.method === 'PUT'
    if (!isNew && !types.has(path)) return answer(404)
    const type = incoming.headers['content-type'] ?? (isNew ? 'application/octet-stream' : undefined)
    const values = type && (body.length === 0 ? [] : messages(type, body))
    if (!values || (!isNew && values.length === 0)) return answer(400)
    if (isNew) {
      const known = types.has(path)
      if (!known) {
        // A log comes into being by a pull.
        await fetch(`${logOf(path)}/events?limit=1`, { headers: { authorization } })
        types.set(path, type)
        const refused = await push(path, values)
        if (refused) return answer(refused)
      }
      const location = `http://${incoming.headers.host}${path}`
      return answer(known ? 200 : 201, { 'content-type': types.get(path), location, 'stream-next-offset': await end(path) })
    }
    const refused = await push(path, values)
    if (refused) return answer(refused)
    answer(204, { 'stream-next-offset': await end(path) })
  }

  /** Hands a request on to the feed, and its answer back. */
  function forward(incoming, outgoing, path, query) {
    const carried = types.get(path)
    // Server-sent events are text.
    if (carried && !isText(carried) && !isJson(carried) && /(^|&)live=sse(&|$)/.test(query)) return outgoing.writeHead(405).end()
    const url = new URL(`${logOf(path)}/${resource}`)
    url.search = `${query}${query ? '&' : ''}payload=data`
    const headers = { ...incoming.headers, authorization, host: url.host }
    const asked = request(url, { method: incoming.method, headers }, (answer) => {
      const back = { ...answer.headers }
      const isStream = back['content-type'] === 'text/event-stream'
      const isDressed = carried && !isJson(carried) && answer.statusCode === 200
      if (isDressed) {
        if (!isStream) back['content-type'] = carried
        delete back['content-length']
      }
      outgoing.writeHead(answer.statusCode, back)
      outgoing.flushHeaders()
      const undress = (text) => Buffer.from(text, isText(carried) ? 'utf8' : 'base64')
      if (isDressed && incoming.method === 'GET') answer.pipe(new Undressed(undress, isStream)).pipe(outgoing)
      else answer.pipe(outgoing)
      outgoing.once('close', () => answer.destroy())
      answer.once('error', () => outgoing.destroy())
    })
    asked.once('error', () => outgoing.destroy())
    incoming.pipe(asked)
  }

  const listening = createServer((incoming, outgoing) => {
    const [path, query = ''] = incoming.url.split('?', 2)
    if (incoming.method !== 'PUT' && incoming.method !== 'POST') return forward(incoming, outgoing, path, query)
    write(incoming, outgoing, path).catch((error) => outgoing.writeHead(500).end(String(error)))
  })
  await new Promise((resolve) => listening.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${listening.address().port}`,
    async stop() {
      listening.closeAllConnections()
      await new Promise((resolve) => listening.close(resolve))
    },
  }
}
