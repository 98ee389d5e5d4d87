/** A page in a browser that is not driven, as if it were: `pages/remote.js` asks here what to do. */
import { createServer } from 'node:http'

/** How long a page waits for something to do before it asks again, in milliseconds. */
const PATIENCE = 15_000

/**
 * Waits for a page that is opened with `?remote=PORT`.
 *
 * @returns {Promise<{ port: number, connected: Promise<void>, page: { evaluate(run: Function | string, argument?: unknown): Promise<any> }, close(): void }>}
 */
export async function awaitPage() {
  const orders = []
  const running = new Map()
  let next = 0
  let asking
  let connect
  const connected = new Promise((resolve) => (connect = resolve))

  const server = createServer((request, response) => {
    response.setHeader('Access-Control-Allow-Origin', '*')
    answer(request, response).catch(() => response.destroy())
  })

  async function answer(request, response) {
    if (request.url !== '/next') return done(request, response)
    connect()
    asking = response
    const waiting = setTimeout(() => void (asking === response && hand(undefined)), PATIENCE)
    response.once('close', () => clearTimeout(waiting))
    if (orders.length > 0) hand(orders.shift())
  }

  function hand(order) {
    const response = asking
    asking = undefined
    if (order) response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(order))
    else response.writeHead(204).end()
  }

  async function done(request, response) {
    let text = ''
    for await (const part of request.setEncoding('utf8')) text += part
    response.writeHead(204).end()
    const { id, value, failure } = JSON.parse(text)
    const { resolve, reject } = running.get(id)
    running.delete(id)
    if (failure === undefined) resolve(value)
    else reject(new Error(`in the page: ${failure}`))
  }

  function evaluate(run, argument) {
    const order = { id: next++, source: typeof run === 'string' ? `() => (${run})` : String(run), argument }
    return new Promise((resolve, reject) => {
      running.set(order.id, { resolve, reject })
      if (asking) hand(order)
      else orders.push(order)
    })
  }

  function close() {
    for (const { reject } of running.values()) reject(new Error('the page is gone'))
    running.clear()
    server.closeAllConnections()
    server.close()
  }

  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  return { port: server.address().port, connected, page: { evaluate }, close }
}
