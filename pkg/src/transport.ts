/** The HTTP exchange with the server: one request and its whole answer, with the token and a time limit. */
import type { CoreHooks } from './core.js'
import type { Environment } from './environment.js'
import { messageOf } from './errors.js'
import type { SyncOptions } from './sync-options.js'
import { makeTail } from './tail.js'

const defaultTimeout = 30_000

/** The part of the core's hooks that reaches the server. */
export interface Transport extends Pick<CoreHooks, 'send' | 'renewToken' | 'listen' | 'hangUp'> {
  /** Gives up what is on its way, and answers nothing from now on. */
  close(): void
}

/** A transport over fetch. Its failures never say what the token or the answer's body was. */
export function httpTransport(options: SyncOptions, environment: Environment): Transport {
  const { token, timeout = defaultTimeout, live = true, fetch = environment.fetch } = options
  const base = options.url.replace(/\/+$/, '')
  const closing = new AbortController()
  let known: Promise<string | undefined> | undefined

  function ask(): Promise<string | undefined> {
    const asked = (async () => (typeof token === 'function' ? await token() : token))()
    asked.catch(() => {
      if (known === asked) known = undefined // The next request asks again.
    })
    known = asked
    return asked
  }

  async function authorization(): Promise<Record<string, string>> {
    let value: unknown
    try {
      value = await (known ?? ask())
    } catch {
      throw failure('token-failed', 'the token function of the app failed')
    }
    if (value === undefined || value === '') return {}
    if (typeof value !== 'string') throw failure('token-failed', 'the token function of the app returned no string')
    return { Authorization: `Bearer ${value}` }
  }

  async function send(method: string, path: string, body: string | undefined): ReturnType<CoreHooks['send']> {
    if (closing.signal.aborted) throw failure('closed', 'the sync was closed')
    const limit = new AbortController()
    const giveUp = (): void => limit.abort()
    closing.signal.addEventListener('abort', giveUp, { once: true })
    let late = false
    const cancel = environment.after(timeout, () => {
      late = true
      giveUp()
    })
    try {
      const headers: Record<string, string> = { Accept: 'application/json, application/problem+json', ...(await authorization()) }
      if (body !== undefined) headers['Content-Type'] = 'application/json'
      limit.signal.throwIfAborted()
      const response = await fetch(base + path, { method, headers, signal: limit.signal, ...(body === undefined ? {} : { body }) })
      const answer = await response.text()
      const contentType = (response.headers.get('Content-Type') ?? '').split(';', 1)[0]!.trim().toLowerCase()
      const retryAfter = parseRetryAfter(response.headers.get('Retry-After'), environment.now())
      return { status: response.status, contentType, body: answer, ...(retryAfter === undefined ? {} : { retryAfter }) }
    } catch (thrown) {
      if (late) throw failure('timeout', `no answer within ${timeout} ms`)
      if (isFailure(thrown)) throw thrown
      throw failure('network', `the server was not reached: ${messageOf(thrown)}`)
    } finally {
      cancel()
      closing.signal.removeEventListener('abort', giveUp)
    }
  }

  const tail = makeTail(async (path, accept, signal) => {
    closing.signal.throwIfAborted()
    const headers = { Accept: `${accept}, application/problem+json`, ...(await authorization()) }
    signal.throwIfAborted()
    return fetch(base + path, { headers, signal })
  }, environment)

  return {
    send,
    // Nothing is ever heard where the app does not want it.
    listen: (way, after, follow) => (live ? tail.listen(way, after, follow) : new Promise(() => {})),
    hangUp: () => tail.hangUp(),
    async renewToken() {
      if (typeof token !== 'function') return false
      try {
        const value = await ask()
        return typeof value === 'string' && value !== ''
      } catch {
        return false
      }
    },
    close: () => {
      closing.abort()
      tail.hangUp()
    },
  }
}

const failures = new WeakSet<object>()

function failure(code: string, message: string): { code: string; message: string } {
  const made = { code, message }
  failures.add(made)
  return made
}

function isFailure(thrown: unknown): boolean {
  return typeof thrown === 'object' && thrown !== null && failures.has(thrown)
}

/** `Retry-After` in milliseconds from `now`: seconds or a date (RFC 9110, section 10.2.3); undefined if it is neither. */
export function parseRetryAfter(header: string | null, now: number): number | undefined {
  if (header === null) return undefined
  const value = header.trim()
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000
  const date = Date.parse(value)
  return Number.isNaN(date) || !/[a-z]/i.test(value) ? undefined : Math.max(0, date - now)
}
