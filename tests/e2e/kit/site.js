/** The web server of the test pages: the pages, the built package under `/tidelog/`, and a box where a page drops messages. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { inRepository, packageFolder } from './places.js'

const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.csv': 'text/csv; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
}

/**
 * Starts a site. Further folders are given by their path: `{ '/demo/': folder }`; whole answers by `answers: { '/x.json': object }`, and
 * headers of every answer by `headers`.
 *
 * @returns {Promise<{ url: string, onMessage: (text: string) => void, close(): Promise<void> }>}
 */
export async function startSite({ folders = {}, answers = {}, headers = {} } = {}) {
  const mounted = [...Object.entries(folders), ['/tidelog/', packageFolder()], ['/', inRepository('tests/e2e/pages')]]
  const site = { url: '', onMessage: () => {}, close }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })

  async function answer(request, response) {
    const { pathname } = new URL(request.url, 'http://site')
    // Also for pages of an opaque origin, which count every address as foreign.
    response.setHeader('Access-Control-Allow-Origin', '*')
    response.setHeader('Cache-Control', 'no-store')
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    if (request.method === 'POST' && pathname === '/message') {
      let text = ''
      for await (const part of request.setEncoding('utf8')) text += part
      site.onMessage(text)
      return response.writeHead(204).end()
    }
    if (Object.hasOwn(answers, pathname)) {
      return response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answers[pathname]))
    }
    const [path, folder] = mounted.find(([path]) => pathname.startsWith(path))
    const inside = normalize(decodeURIComponent(pathname.slice(path.length)))
    const file = join(folder, inside === '.' || inside === '' ? 'index.html' : inside)
    const found = file.startsWith(folder) && (await stat(file).catch(() => undefined))
    if (!found || !found.isFile()) return response.writeHead(404).end()
    response.writeHead(200, { 'Content-Type': types[extname(file)] ?? 'application/octet-stream', 'Content-Length': found.size })
    createReadStream(file).pipe(response)
  }

  function close() {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  }

  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  site.url = `http://127.0.0.1:${server.address().port}`
  return site
}
