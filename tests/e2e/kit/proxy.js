/** The network between the browser and the server: everything passes, unless a fault is planned for an exchange. */
import { createServer, request as send } from 'node:http'

/**
 * @typedef {object} Exchange one request on its way
 * @property {string} method
 * @property {string} path
 * @property {Buffer} body
 * @property {() => Promise<Answer>} forward sends the request to the server (as often as it is called) and resolves to its answer
 * @property {(share: number) => Promise<void>} forwardPart sends only this share of the body to the server, then drops the connection
 * @property {(answer: Answer) => void} answer gives an answer to the browser
 * @property {(answer: Answer, share: number) => void} answerPart gives only this share of the body, then drops the connection
 * @property {() => void} drop drops the connection to the browser
 *
 * @typedef {{ status: number, headers: Record<string, string | string[]>, body: Buffer }} Answer
 * @typedef {(exchange: Exchange) => unknown} Fault
 */

/** Whether an exchange is a push or a pull. */
export const isPush = ({ method }) => method === 'POST'
export const isPull = ({ method }) => method === 'GET'

/** Starts a proxy before the server at `target`, which may be down for a while. */
export async function startProxy(target) {
  /** @type {{ matches: (exchange: Exchange) => boolean, fault: Fault, left: number, taken: () => void }[]} */
  const planned = []
  const proxy = {
    url: '',
    /** What passed: method, path, status (none if there was no answer) and the answer's body. Preflights are not counted. */
    exchanges: [],
    /**
     * Plans a fault for the next exchange that matches, or for the next `times`. Resolves when the last of them was taken.
     *
     * @param {(exchange: Exchange) => boolean} matches
     * @param {Fault} fault
     */
    plan(matches, fault, times = 1) {
      return new Promise((taken) => planned.push({ matches, fault, left: times, taken }))
    },
    /** Forgets what is planned: from now on all is well. */
    heal() {
      planned.length = 0
    },
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    },
  }

  const server = createServer(async (incoming, outgoing) => {
    outgoing.on('error', () => {})
    const parts = []
    try {
      for await (const part of incoming) parts.push(part)
    } catch {
      return // The browser gave up.
    }
    const exchange = exchangeOf(incoming, outgoing, Buffer.concat(parts), target)
    if (exchange.method === 'OPTIONS') return pass(exchange)
    proxy.exchanges.push(exchange)
    const plan = planned.find(({ matches }) => matches(exchange))
    if (!plan) return pass(exchange)
    if (--plan.left === 0) {
      planned.splice(planned.indexOf(plan), 1)
      plan.taken()
    }
    try {
      await plan.fault(exchange)
    } catch {
      exchange.drop()
    }
  })
  // A browser keeps connections open; a fault must meet each request alone.
  server.keepAliveTimeout = 60_000
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  proxy.url = `http://127.0.0.1:${server.address().port}`
  return proxy
}

async function pass(exchange) {
  try {
    exchange.answer(await exchange.forward())
  } catch {
    exchange.drop() // The server is down.
  }
}

function exchangeOf(incoming, outgoing, body, target) {
  const { method, url: path } = incoming
  const headers = { ...incoming.headers, connection: 'close' }
  const exchange = {
    method,
    path,
    body,
    status: undefined,
    answered: undefined,
    forward: () => forward(target, { method, path, headers, body }),
    forwardPart: (share) => forwardPart(target, { method, path, headers, body }, share),
    answer({ status, headers: given, body: content }) {
      exchange.status = status
      exchange.answered = content
      outgoing.writeHead(status, given).end(content)
    },
    answerPart({ status, headers: given, body: content }, share) {
      exchange.status = status
      outgoing.writeHead(status, { ...given, 'content-length': String(content.length) })
      // Only once the part is with the browser, so that it does see a body that ends too early.
      outgoing.write(content.subarray(0, Math.max(1, Math.floor(content.length * share))), () => outgoing.destroy())
    },
    drop: () => outgoing.destroy(),
  }
  return exchange
}

function forward(target, { method, path, headers, body }) {
  return new Promise((resolve, reject) => {
    const passed = send(target + path, { method, headers, agent: false }, (answer) => {
      const parts = []
      answer.on('error', reject)
      answer.on('data', (part) => parts.push(part))
      answer.on('end', () => {
        const { connection: _connection, 'transfer-encoding': _encoding, ...kept } = answer.headers
        resolve({ status: answer.statusCode, headers: kept, body: Buffer.concat(parts) })
      })
    })
    passed.on('error', reject)
    passed.end(body)
  })
}

function forwardPart(target, { method, path, headers, body }, share) {
  return new Promise((resolve) => {
    const passed = send(target + path, { method, headers, agent: false })
    passed.on('error', () => resolve())
    passed.on('close', () => resolve())
    passed.write(body.subarray(0, Math.max(1, Math.floor(body.length * share))), () => passed.destroy())
  })
}
