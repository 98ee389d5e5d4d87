/** The HTTP that the rules speak with the server under test. */
import { randomBytes } from 'node:crypto'
import { Broken, check, equal } from './check.js'
import { push } from './sample.js'

/** How long the suite waits for an answer, in milliseconds. */
const patience = 40_000

/** A server under test. */
export class Server {
  #base
  #token

  constructor(url, token) {
    this.#base = url.replace(/\/+$/, '')
    this.#token = token
  }

  /** Whether requests carry a token. */
  get usesTokens() {
    return this.#token !== undefined
  }

  /** One request and its whole answer: status, headers, text, and json if the text is that. */
  async request(method, path, { headers = {}, body, token = this.#token } = {}) {
    const response = await this.open(method, path, { headers, body, token })
    const text = await response.text()
    let json
    try {
      json = JSON.parse(text)
    } catch {
      // the rules look at what should have been there
    }
    return { status: response.status, headers: response.headers, text, json }
  }

  /** One request, and its answer as it begins. */
  async open(method, path, { headers = {}, body, token = this.#token, signal } = {}) {
    const authorization = token == null ? {} : { Authorization: `Bearer ${token}` }
    const limit = AbortSignal.timeout(patience)
    try {
      return await fetch(this.#base + path, { method, headers: { ...authorization, ...headers }, body, signal: signal ? AbortSignal.any([signal, limit]) : limit })
    } catch (thrown) {
      throw new Broken(`${method} ${path} had no answer: ${thrown.cause?.message ?? thrown.message}`)
    }
  }

  /** A log that nobody has used. */
  newLog() {
    return new Log(this, `conformance-${randomBytes(8).toString('hex')}`)
  }
}

/** A log of the server under test. */
export class Log {
  constructor(server, name) {
    this.server = server
    this.name = name
  }

  /** A push of any body: an object as JSON, a text as it is. */
  send(body, headers = {}) {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    return this.server.request('POST', `/logs/${this.name}/commits`, { headers: { 'Content-Type': 'application/json', ...headers }, body: text })
  }

  /** A pull with any query. */
  ask(query, headers = {}) {
    return this.server.request('GET', `/logs/${this.name}/events${query}`, { headers })
  }

  /** The markers of archived streams, with any query. */
  markers(query) {
    return this.server.request('GET', `/logs/${this.name}/archived${query}`)
  }

  /** A stream of news, with any query, and its answer if it does not begin. */
  news(query) {
    return this.server.request('GET', `/logs/${this.name}/events${query}`, { headers: { Accept: 'text/event-stream' } })
  }

  /** A push that must be answered with outcomes, one per commit, in order. Resolves to them. */
  async push(commits, more = {}) {
    const answer = await this.send(push(commits, more))
    return this.outcomes(answer, commits)
  }

  /** The outcomes in the answer to a push. */
  outcomes(answer, commits) {
    equal(answer.status, 200, `a push is answered (${answer.text.slice(0, 300)})`)
    check(typeof answer.json?.logId === 'string' && answer.json.logId !== '', 'the answer to a push has no logId')
    check(Array.isArray(answer.json.outcomes), 'the answer to a push has no outcomes')
    equal(answer.json.outcomes.map(({ id }) => id), commits.map(({ id }) => id), 'the outcomes are those of the commits, in order')
    return answer.json.outcomes
  }

  /** A pull that must be answered with a page. */
  async pull(after = '', limit = 1_000) {
    const answer = await this.ask(`?after=${encodeURIComponent(after)}&limit=${limit}`)
    return this.page(answer)
  }

  /** The page in an answer to a pull, looked at as every client does. */
  page(answer) {
    equal(answer.status, 200, `a pull is answered (${answer.text.slice(0, 300)})`)
    const page = answer.json
    check(typeof page?.logId === 'string' && page.logId !== '', 'a page has no logId')
    check(Array.isArray(page.commits), 'a page has no commits')
    check(typeof page.cursor === 'string' && page.cursor !== '', 'a page has no cursor')
    check(typeof page.upToDate === 'boolean', 'a page does not say whether it is upToDate')
    return { ...page, text: answer.text }
  }

  /** Everything, page by page. */
  async whole(limit = 1_000) {
    const commits = []
    for (let after = ''; ; ) {
      const page = await this.pull(after, limit)
      commits.push(...page.commits)
      if (page.upToDate) return commits
      check(page.commits.length > 0, 'a page that is not upToDate holds a commit')
      after = page.cursor
    }
  }
}
