/** Something between browser and server that lets requests and answers flow through, and does what proxies do to streams. */
import { createServer, request as send } from 'node:http'

/** Whether a request asks for a stream, or for an answer that waits. */
export const asksForStream = ({ headers }) => (headers.accept ?? '').includes('text/event-stream')
export const asksToWait = ({ url }) => url.includes('wait=')

/**
 * What is done to the answers of requests that match:
 * - `hold`: collected, and handed on once it is whole;
 * - `cut`: broken off after the first piece;
 * - `page`: a page in HTML stands in its place.
 */
export async function startBetween(target) {
  const between = {
    url: '',
    /** @type {{ matches: (request: import('node:http').IncomingMessage) => boolean, does: 'hold' | 'cut' | 'page' } | undefined} */
    rule: undefined,
    /** How many streams flow now. */
    streams: 0,
    /** How many streams were asked for. */
    asked: 0,
    /** Ends what flows. */
    cut: () => server.closeAllConnections(),
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    },
  }
  const server = createServer((incoming, outgoing) => {
    const does = between.rule?.matches(incoming) ? between.rule.does : undefined
    outgoing.on('error', () => {})
    if (asksForStream(incoming)) {
      between.asked++
      between.streams++
      outgoing.once('close', () => between.streams--)
    }
    if (does === 'page') {
      outgoing.writeHead(200, { 'content-type': 'text/html', 'access-control-allow-origin': '*' }).end('<title>Sign in</title>')
      return
    }
    const { method, url, headers } = incoming
    const passed = send(target + url, { method, headers: { ...headers, connection: 'close' }, agent: false }, (answer) => {
      const { connection: _connection, ...kept } = answer.headers
      if (does !== 'hold') {
        outgoing.writeHead(answer.statusCode, kept)
        outgoing.flushHeaders()
      }
      const parts = []
      answer.on('data', (part) => {
        if (does === 'hold') return parts.push(part)
        // Only once the piece is with the browser, so that it does see how the answer begins.
        outgoing.write(part, () => does === 'cut' && outgoing.destroy())
      })
      answer.on('end', () => {
        if (does === 'hold') outgoing.writeHead(answer.statusCode, kept)
        outgoing.end(Buffer.concat(parts))
      })
      answer.on('error', () => outgoing.destroy())
    })
    passed.on('error', () => outgoing.destroy())
    outgoing.once('close', () => passed.destroy())
    incoming.pipe(passed)
  })
  server.keepAliveTimeout = 60_000
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  between.url = `http://127.0.0.1:${server.address().port}`
  return between
}
