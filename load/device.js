/** A device as the server sees it: pushes, pulls, and a stream of news, over connections that stay open. */
import { Agent, request } from 'node:http'
import { id, answer, origin, TYPE } from './events.js'

export const TOKEN = 'a-token-of-the-load'

/** Connections of all devices together: each has one for its requests, and one for its news. */
const agent = new Agent({ keepAlive: true, maxSockets: Infinity })

function ask(url, method, headers, body) {
  return new Promise((resolve, reject) => {
    const asked = request(url, { agent, method, headers: { authorization: `Bearer ${TOKEN}`, ...headers } }, resolve)
    asked.once('error', reject)
    asked.end(body)
  })
}

async function text(answer) {
  answer.setEncoding('utf8')
  let all = ''
  for await (const chunk of answer) all += chunk
  if (answer.statusCode !== 200) throw new Error(`the server answered ${answer.statusCode}: ${all.slice(0, 500)}`)
  return all
}

export class Device {
  #url
  #id = id()
  #stream
  #version = 0

  /** `log` is its log, `number` makes the name of the stream that it alone writes to. */
  constructor(url, log, number) {
    this.#url = `${url}/logs/${log}`
    this.#stream = `exam-${number}`
  }

  /** Pushes commits of one event each, or one commit of as many events; resolves when they are in the log. */
  async push({ commits = 1, events = 1, data = answer }) {
    const pushed = Array.from({ length: commits }, () => {
      const expectedVersion = this.#version
      const made = Array.from({ length: events }, () => ({ id: id(), type: TYPE, data: data(this.#version++) }))
      return { id: id(), stream: this.#stream, expectedVersion, metadata: origin(this.#id), events: made }
    })
    const body = JSON.stringify({ protocol: 1, deviceId: this.#id, commits: pushed })
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const { outcomes } = JSON.parse(await text(await ask(`${this.#url}/commits`, 'POST', headers, body)))
    const bad = outcomes.find(({ status }) => status !== 'committed')
    if (bad) throw new Error(`a push came to ${JSON.stringify(bad)}`)
  }

  /** Pulls the page after a cursor; resolves to the page. */
  async pull(cursor) {
    return JSON.parse(await text(await ask(`${this.#url}/events?after=${cursor}&limit=1000`, 'GET', {})))
  }

  /** Follows the log from its end on; `heard` is called with the text of each event. Resolves to a function that ends it. */
  async follow(heard) {
    const page = async (cursor) => {
      const { cursor: next, upToDate } = await this.pull(cursor)
      return upToDate ? next : page(next)
    }
    const news = await ask(`${this.#url}/events?after=${await page('')}`, 'GET', { accept: 'text/event-stream' })
    news.setEncoding('utf8')
    let held = ''
    await new Promise((resolve, reject) => {
      news.once('error', () => reject(new Error('the stream of news broke')))
      news.on('data', (chunk) => {
        const events = (held + chunk).split('\n\n')
        held = events.pop()
        // The first one says that it has begun.
        resolve()
        events.forEach(heard)
      })
    })
    return () => news.destroy()
  }
}

/** Ends the connections of all devices. */
export const disconnect = () => agent.destroy()
