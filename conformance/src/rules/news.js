/** Streams of news, and answers that wait. */
import { check, equal, NotTried, problem } from '../check.js'
import { commit } from '../sample.js'

/** Reads server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) until `enough` of them, or the end. */
async function* serverSent(response) {
  let text = ''
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    text += piece
    for (let end; (end = /\r\n\r\n|\n\n|\r\r/.exec(text)); ) {
      const block = text.slice(0, end.index)
      text = text.slice(end.index + end[0].length)
      const event = { event: 'message', data: [] }
      for (const line of block.split(/\r\n|\n|\r/)) {
        const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line)
        if (field === 'data') event.data.push(value)
        else if (field !== '') event[field] = value
      }
      if (event.data.length > 0) yield { ...event, data: JSON.parse(event.data.join('\n')) }
    }
  }
}

/** Opens a stream of news and hands what comes to `run`; the stream is closed after. */
export async function stream(log, query, headers, run) {
  const closing = new AbortController()
  const response = await log.server.open('GET', `/logs/${log.name}/events${query}`, { headers: { Accept: 'text/event-stream', ...headers }, signal: closing.signal })
  try {
    const type = response.headers.get('content-type') ?? ''
    if (response.status === 200 && !type.startsWith('text/event-stream')) throw new NotTried('the server offers no streams: it answers with a page')
    equal([response.status, type.split(';')[0]], [200, 'text/event-stream'], 'the status and media type of a stream')
    const events = serverSent(response)
    const next = async () => {
      const { value, done } = await events.next()
      check(!done, 'the stream ends')
      return value
    }
    await run(next)
  } finally {
    closing.abort()
  }
}

export const news = [
  {
    id: 'news/stream',
    says: 'a stream begins with its terms, brings what is there as pages, and then what comes',
    async run({ log }) {
      const one = log()
      const commits = Array.from({ length: 3 }, () => commit('course-1'))
      await one.push(commits.slice(0, 2))
      await stream(one, '?limit=1', {}, async (next) => {
        const first = await next()
        equal(first.event, 'control', 'the first event')
        check(Number.isInteger(first.data.heartbeat) && first.data.heartbeat > 0, 'the first event does not say the longest silence')
        const { logId } = await one.pull()
        equal(first.data.logId, logId, 'its logId')
        for (const [index, expected] of commits.entries()) {
          if (index === 2) await one.push([expected])
          const { event, id, data } = await next()
          equal([event, id, data.logId], ['data', data.cursor, logId], 'a data event, its id and its logId')
          equal(data.commits.map(({ commit }) => commit.id), [expected.id], 'its commits')
        }
      })
    },
  },
  {
    id: 'news/resume',
    says: 'a stream goes on after `Last-Event-ID`, which counts instead of `after`',
    async run({ log }) {
      const one = log()
      const [first, second] = [commit('course-1'), commit('course-1')]
      await one.push([first])
      const { cursor } = await one.pull()
      await one.push([second])
      for (const [query, headers] of [[`?after=${encodeURIComponent(cursor)}`, {}], ['?after=', { 'Last-Event-ID': cursor }]]) {
        await stream(one, query, headers, async (next) => {
          await next()
          equal((await next()).data.commits.map(({ commit }) => commit.id), [second.id], 'what comes after the cursor')
        })
      }
    },
  },
  {
    id: 'news/refused-before',
    says: 'what is wrong with the request is answered before a stream begins',
    async run({ log }) {
      const accept = { Accept: 'text/event-stream' }
      problem(await log().ask('?after=nonsense', accept), 400, 'invalid-cursor', 'nonsense as cursor')
      problem(await log().ask('?limit=0', accept), 400, 'invalid-request', 'a limit of 0')
    },
  },
  {
    id: 'news/wait',
    says: 'an answer that waits comes as soon as there is a commit',
    async run({ log }) {
      const one = log()
      const { cursor } = await one.pull()
      const began = Date.now()
      const probe = one.page(await one.ask(`?after=${encodeURIComponent(cursor)}&wait=1`))
      equal(probe.commits, [], 'the page when nothing came')
      if (Date.now() - began < 900) throw new NotTried('the server does not let answers wait: it answers an empty page at once')
      const waiting = one.ask(`?after=${encodeURIComponent(cursor)}&wait=30`)
      const came = commit('course-1')
      await one.push([came])
      equal(one.page(await waiting).commits.map(({ commit }) => commit.id), [came.id], 'the page that waited')
      check(Date.now() - began < 20_000, 'the answer came, but not with the commit')
    },
  },
]
