/** Listening to the server: a stream of server-sent events over fetch (an EventSource sends no token), or an answer that waits. */
import type { CoreSign } from './core.js'
import type { Environment } from './environment.js'

/** Milliseconds within which a stream has to begin. */
const beginning = 10_000
/** After so many heartbeats without a sign of life a stream counts as broken. */
const heartbeats = 2.5
/** The longest heartbeat that is believed, in milliseconds. */
const longestHeartbeat = 120_000
/** Seconds for which the first answer shall wait, and each later one: the first only shows whether answers that wait get through. */
const firstWait = 1
const longestWait = 25
/** How many characters of an event are put up with: more than the largest page. */
const longestEvent = 64 << 20

/** Asks the server for `path`; aborted by `signal`. Rejects if there is no token or no network. */
export type Request = (path: string, accept: string, signal: AbortSignal) => Promise<Response>

/** What listens. */
export interface Tail {
  /** Waits for the next sign. A stream stays open from one call to the next. `follow`: see `CoreHooks`. */
  listen(way: 'stream' | 'long-poll', after: string, follow: string): Promise<CoreSign>
  /** Closes what is open. */
  hangUp(): void
}

/** Reads an event of a stream: its name, id and data. A comment has no name. */
interface StreamEvent {
  readonly name: string
  readonly id: string
  readonly data: string
}

/** An open stream. */
interface Stream {
  /** The cursor behind what it has brought. */
  after: string
  heartbeat: number
  next(): Promise<StreamEvent | undefined>
}

/** What listens by means of `request`. */
export function makeTail(request: Request, { after: later, elapsed }: Environment): Tail {
  let line = new AbortController()
  let stream: Stream | undefined
  let seconds = firstWait

  function hangUp(): void {
    stream = undefined
    seconds = firstWait
    line.abort()
    line = new AbortController()
  }

  /** Runs `run` for at most so many milliseconds; then the line is cut, and `run` fails. */
  async function within<Answer>(milliseconds: number, run: () => Promise<Answer>): Promise<Answer> {
    const mine = line
    const cancel = later(milliseconds, () => mine.abort())
    try {
      return await run()
    } finally {
      cancel()
    }
  }

  async function begin(after: string, follow: string): Promise<CoreSign> {
    const response = await request(pathAfter(after) + follow, 'text/event-stream', line.signal)
    const unlike = refused(response, 'text/event-stream')
    if (unlike) return unlike
    const next = events(response.body)
    // Headers that came without an event have passed something that collects what follows.
    const first = await next().catch(() => undefined)
    const heartbeat: unknown = first?.name === 'control' ? parse(first.data)?.['heartbeat'] : undefined
    if (typeof heartbeat !== 'number' || !(heartbeat > 0)) return { heard: 'unfit' }
    stream = { after, next, heartbeat: Math.min(heartbeat, longestHeartbeat) }
    return { heard: 'open' }
  }

  async function goOn(open: Stream): Promise<CoreSign> {
    const { name, id, data } = (await open.next()) ?? { name: 'end', id: '', data: '' }
    if (name === 'end') return { heard: 'broken' }
    if (name === 'control' && parse(data)?.['closing'] === true) {
      hangUp()
      return { heard: 'closed' }
    }
    if (name !== 'data') return { heard: 'quiet' }
    const { after } = open
    open.after = id
    return { heard: 'news', after, page: data }
  }

  async function wait(after: string, follow: string): Promise<CoreSign> {
    const began = elapsed()
    const response = await request(`${pathAfter(after)}${follow}&wait=${seconds}`, 'application/json', line.signal)
    const unlike = refused(response, 'application/json')
    if (unlike) return unlike
    const page = await response.text()
    const commits = parse(page)?.['commits']
    if (!Array.isArray(commits)) return { heard: 'unfit' }
    if (commits.length > 0) return { heard: 'news', after, page }
    // A server that does not know how to wait is not asked over and over.
    if (elapsed() - began < seconds * 500) return { heard: 'broken' }
    seconds = longestWait
    return { heard: 'quiet' }
  }

  return {
    async listen(way, after, follow) {
      const mine = line
      try {
        const sign = await (way === 'long-poll'
          ? within(seconds * 1_000 + beginning, () => wait(after, follow))
          : stream
            ? within(stream.heartbeat * heartbeats, () => goOn(stream!))
            : within(beginning, () => begin(after, follow)))
        if (sign.heard !== 'news' && sign.heard !== 'open' && sign.heard !== 'quiet' && line === mine) hangUp()
        return sign
      } catch {
        if (line === mine) hangUp()
        return { heard: 'broken' }
      }
    },
    hangUp,
  }
}

const pathAfter = (after: string): string => `/events?after=${encodeURIComponent(after)}&limit=1000&protocol=1`

/** What an answer comes to that is not what was asked for; undefined if it is. A token that does not do is for the next pull to find out. */
function refused(response: Response, wanted: string): CoreSign | undefined {
  const essence = (response.headers.get('Content-Type') ?? '').split(';', 1)[0]!.trim().toLowerCase()
  if (response.status === 200) return essence === wanted && response.body ? undefined : { heard: 'unfit' }
  const spoken = essence === 'application/problem+json'
  if (response.status === 503 && spoken) return { heard: 'busy', wait: Number(response.headers.get('Retry-After') ?? 30) * 1_000 || 30_000 }
  return { heard: spoken || response.status >= 500 ? 'broken' : 'unfit' }
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/**
 * The events of a stream, read only as they are asked for; undefined at its end
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation). What ends within an event is not one.
 */
export function events(body: ReadableStream<Uint8Array<ArrayBuffer>> | null): () => Promise<StreamEvent | undefined> {
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader()
  /** What arrived and is not read yet, in the pieces that it came in: a page that comes in many is put together once. */
  let pieces: string[] = []
  let length = 0
  let lines: string[] = []
  let id = ''
  let name = ''
  let data: string[] = []

  /** The next whole line; undefined at the end. */
  async function line(): Promise<string | undefined> {
    for (;;) {
      const ready = lines.shift()
      if (ready !== undefined) return ready
      const read = await reader?.read()
      if (!read || read.done) return undefined
      length += read.value.length
      if (length > longestEvent) throw new Error(`an event of the stream is over ${longestEvent} characters long`)
      pieces.push(read.value)
      if (!/[\r\n]/.test(read.value)) continue
      const text = pieces.join('')
      // A carriage return at the end may be half of a line's end.
      const whole = text.endsWith('\r') ? text.length - 1 : text.length
      const parts = text.slice(0, whole).split(/\r\n|\n|\r/)
      const rest = (parts.pop() ?? '') + text.slice(whole)
      lines = parts
      pieces = rest === '' ? [] : [rest]
      length = rest.length
    }
  }

  return async () => {
    for (;;) {
      const text = await line()
      if (text === undefined) return undefined
      if (text === '') {
        const event = { name: name || 'message', id, data: data.join('\n') }
        const empty = data.length === 0
        name = ''
        data = []
        if (!empty) return event
        continue
      }
      const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(text) ?? []
      if (field === '') return { name: '', id, data: '' }
      if (field === 'event') name = value
      else if (field === 'data') data.push(value)
      else if (field === 'id' && !value.includes('\0')) id = value
    }
  }
}
