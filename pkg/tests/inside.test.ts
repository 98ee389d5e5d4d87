/** Seeing inside: metrics, health, a dump, spans by the real OpenTelemetry, marks. Over the real wasm in memory. */
import { SpanStatusCode } from '@opentelemetry/api'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { aggregate, DomainError, isTidelogError, open, projection, type Hooks, type Metrics, type OpenOptions, type Tidelog, type TidelogError } from '../src/node.js'

const course = aggregate({
  name: 'course',
  initialState: { lessons: [] as readonly string[] },
  decide(command: { type: 'Complete'; data: { lesson: string } }, state): { type: 'Completed'; data: { lesson: string } }[] {
    if (state.lessons.includes(command.data.lesson)) throw new DomainError('completed', 'it is completed already')
    return [{ type: 'Completed', data: command.data }]
  },
  evolve: (state, event: { type: 'Completed'; data: { lesson: string } }) => ({ lessons: [...state.lessons, event.data.lesson] }),
})
const progress = projection({ name: 'progress', from: [course], initial: { done: 0 }, key: (event) => event.stream, on: { Completed: (row) => ({ done: row.done + 1 }) } })

const opened: Tidelog[] = []
after(() => opened.forEach((one) => one.close()))
async function opening(more: Partial<OpenOptions> = {}): Promise<Tidelog> {
  const log = await open({ name: 'inside', storage: 'memory', aggregates: [course], projections: [progress], ...more })
  opened.push(log)
  return log
}
const complete = (lesson: string) => ({ type: 'Complete', data: { lesson } }) as const
const unreachable = { url: '/nobody', fetch: () => Promise.reject(new TypeError('no network')), pollInterval: 86_400_000 }
const day = 24 * 60 * 60 * 1_000

/** Timers that a test fires. */
function timers() {
  const due: (() => void)[] = []
  const waiting = new Set<() => void>()
  const later = (milliseconds: number, run: () => void) => {
    if (milliseconds !== 1_000) return () => {}
    waiting.add(run)
    due.push(run)
    return () => void waiting.delete(run)
  }
  const fire = () => due.splice(0).forEach((run) => waiting.delete(run) && run())
  return { later, fire, waiting }
}

describe('metrics', () => {
  it('count and time what was done', async () => {
    const log = await opening()
    await log.execute(course, 'a', complete('l1'))
    await assert.rejects(log.execute(course, 'a', complete('l1')))
    await log.load(course, 'a')
    await log.rows(progress)
    await log.read().toArray()
    const { counters, latencies, queue, failures, since } = log.metrics.get()
    assert.deepEqual([counters.commits, counters.events, counters.refused, counters.failed], [1, 1, 1, 0])
    assert.deepEqual([latencies.execute.count, latencies.append.count, latencies.load.count, latencies.query.count, latencies.read.count], [1, 1, 1, 1, 1])
    const { p50, p99, max } = latencies.append
    assert.ok(p50 <= p99 && p99 <= max && max < 60_000, JSON.stringify(latencies.append))
    assert.deepEqual([queue, failures], [{ commits: 0, events: 0 }, []])
    assert.ok(since > 1_700_000_000_000)
    log.metrics.reset()
    assert.equal(log.metrics.get().counters.commits, 0)
    assert.equal(log.metrics.get(), log.metrics.get(), 'the same object until something changes')
  })

  it('are told about while somebody listens, and looked at no longer', async () => {
    const { later, fire, waiting } = timers()
    const log = await opening({ environment: { after: later } })
    const heard: number[] = []
    const stop = log.metrics.subscribe(({ counters }: Metrics) => heard.push(counters.commits))
    await log.execute(course, 'a', complete('l1'))
    assert.equal(log.metrics.get().counters.commits, 0, 'as the subscriber knows it')
    fire()
    fire()
    await log.execute(course, 'a', complete('l2'))
    fire()
    assert.deepEqual(heard, [0, 1, 2])
    assert.equal(waiting.size, 1)
    stop()
    assert.equal(waiting.size, 0)
    assert.equal(log.metrics.get().counters.commits, 2)
    log.metrics.subscribe(() => {})
    log.close()
    assert.equal(waiting.size, 0)
    assert.equal(log.metrics.get().counters.commits, 2, 'what was known at the end')
  })
})

describe('health', () => {
  it('is ok where nothing is wrong, and says what is', async () => {
    let now = 1_800_000_000_000
    const fine = await opening({ environment: { now: () => now } })
    assert.deepEqual(fine.health(), { state: 'ok', reasons: [] })

    const log = await opening({ sync: unreachable, environment: { now: () => now } })
    await log.execute(course, 'a', complete('l1'))
    const codes = () => log.health().reasons.map(({ code, state }) => `${code} ${state}`)
    assert.ok(codes().includes('work-at-risk degraded'), codes().join())
    now += 2 * day
    assert.ok(codes().includes('queue-old degraded'), codes().join())
    assert.match(log.health().reasons.find(({ code }) => code === 'queue-old')!.message, /^1 commits wait for the server, the first for 48 hours$/)
  })

  it('knows of projections that stopped or parked a stream', async () => {
    const fragile = (name: string, then: 'park' | 'stop') =>
      projection({
        name,
        from: [course],
        initial: { done: 0 },
        key: (event) => event.stream,
        on: {
          Completed(row, event) {
            if (event.data.lesson === 'odd') throw new Error('no such lesson')
            return { done: row.done + 1 }
          },
        },
        onError: { retries: 0, then },
      })
    const [parks, stops] = [fragile('parks', 'park'), fragile('stops', 'stop')]
    const log = await opening({ projections: [parks, stops] })
    await log.execute(course, 'a', complete('odd'))
    await log.execute(course, 'b', complete('l1'))
    for (const one of [parks, stops]) await log.rows(one).catch(() => {})
    const reasons = log.health().reasons.filter(({ code }) => code !== 'work-at-risk')
    assert.deepEqual(reasons.map(({ code, state }) => [code, state]).sort(), [['dead-letters', 'degraded'], ['projection-stopped', 'failing']])
    assert.match(reasons.map(({ message }) => message).join(), /the projection stops has stopped/)
    const lags = Object.fromEntries(log.metrics.get().projections.map(({ name, lag, parked }) => [name, [lag, parked]]))
    assert.deepEqual(lags, { parks: [0, 1], stops: [2, 0] })
  })

  it('knows the quota of the browser', async () => {
    const healths: unknown[] = []
    for (const usage of [50, 95, 99.5]) {
      const storage = { estimate: () => Promise.resolve({ quota: 100e6, usage: usage * 1e6 }), persisted: () => Promise.resolve(false), persist: () => Promise.resolve(false) }
      const log = await opening({ environment: { storage } })
      await log.storage.refresh()
      const { state, reasons } = log.health()
      healths.push([state, ...reasons.map(({ code }) => code)])
    }
    assert.deepEqual(healths, [['ok'], ['degraded', 'storage-low'], ['failing', 'storage-full']])
  })

  it('knows that the server does not take the token, or is not reached', async () => {
    const health = async (fetch: typeof globalThis.fetch, code: string): Promise<string> => {
      const log = await opening({ sync: { url: 'https://example.org/logs/a', fetch, pollInterval: 86_400_000 } })
      await new Promise<void>((resolve) => void log.sync.subscribe(({ error, state }) => (error || state === 'unauthorized') && resolve()))
      const reason = log.health().reasons.find((one) => one.code === code)
      return `${log.health().state}: ${reason?.code} ${reason?.state}`
    }
    const refusing = () => Promise.resolve(new Response('', { status: 401 }))
    assert.equal(await health(refusing, 'unauthorized'), 'failing: unauthorized failing')
    assert.equal(await health(unreachable.fetch, 'sync-failing'), 'degraded: sync-failing degraded')
  })
})

describe('a dump', () => {
  const secret = 'the-secret-lesson'
  it('holds no payload, and no names unless they are asked for', async () => {
    const log = await opening({ sync: unreachable, actor: 'ada@example.org' })
    await log.execute(course, 'ada-lovelace', complete(secret))
    await log.execute(course, 'ada-lovelace', complete('l2'))
    await log.execute(course, 'b', complete('l1'))
    const dump = await log.dump()
    const text = JSON.stringify(dump)
    for (const name of [secret, 'lovelace', 'example.org']) assert.ok(!text.includes(name), `${name} is in ${text}`)
    assert.deepEqual(dump.queue.map(({ stream }) => stream), ['course-#1', 'course-#1', 'course-#2'])
    const [first] = dump.queue
    const bytes = JSON.stringify({ lesson: secret }).length
    assert.deepEqual([first?.command, first?.events, first?.policy, first?.expectedVersion], [['Complete', bytes], [['Completed', 1, bytes]], 'redecide', 0])
    assert.deepEqual([dump.streams, dump.aggregates, dump.projections], [{ course: 2 }, ['course'], ['progress']])
    assert.deepEqual([dump.status.pendingCommits, dump.metrics.counters.commits, dump.storage.kind], [3, 3, 'memory'])
    assert.ok(dump.health.some(([state, code]) => state === 'degraded' && code === 'work-at-risk'))

    const named = await log.dump({ names: true })
    assert.deepEqual([named.queue[0]?.stream, named.queue[0]?.actor], ['course-ada-lovelace', 'ada@example.org'])
    assert.ok(!JSON.stringify(named).includes(secret), 'payloads never')
  })
})

describe('hooks', () => {
  /** As an app would write it. */
  function openTelemetry(): { hooks: Hooks; exporter: InMemorySpanExporter } {
    const exporter = new InMemorySpanExporter()
    const tracer = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).getTracer('tidelog')
    const hooks: Hooks = {
      span(name, attributes) {
        const span = tracer.startSpan(name, { attributes })
        const { traceId, spanId, traceFlags } = span.spanContext()
        return {
          traceparent: `00-${traceId}-${spanId}-0${traceFlags}`,
          error(error) {
            span.recordException(error as Error)
            span.setStatus({ code: SpanStatusCode.ERROR, message: isTidelogError(error) ? error.code : '' })
          },
          end: () => span.end(),
        }
      },
    }
    return { hooks, exporter }
  }

  it('make spans of OpenTelemetry, and the events carry their trace', async () => {
    const { hooks, exporter } = openTelemetry()
    const log = await opening({ hooks })
    const receipt = await log.execute(course, 'a', complete('l1'))
    await assert.rejects(log.execute(course, 'a', complete('l1')))
    await log.row(progress, 'course-a')
    const spans = exporter.getFinishedSpans()
    assert.deepEqual(spans.map(({ name }) => name), ['tidelog.execute', 'tidelog.execute', 'tidelog.row'])
    const [first, second, third] = spans as [(typeof spans)[0], (typeof spans)[0], (typeof spans)[0]]
    assert.deepEqual(first.attributes, { 'tidelog.log': 'inside', 'tidelog.aggregate': 'course', 'tidelog.stream': 'course-a', 'tidelog.command': 'Complete' })
    const { traceId, spanId } = first.spanContext()
    assert.equal(receipt.events[0]?.metadata.traceparent, `00-${traceId}-${spanId}-01`)
    assert.deepEqual(second.status, { code: SpanStatusCode.ERROR, message: 'refused' })
    assert.equal(second.events[0]?.name, 'exception')
    assert.deepEqual(third.attributes, { 'tidelog.log': 'inside', 'tidelog.of': 'progress', 'tidelog.key': 'course-a' })
    const own = await log.execute(course, 'a', complete('l2'), { traceparent: '00-own' })
    assert.equal(own.events[0]?.metadata.traceparent, '00-own')
  })

  it('make spans of exchanges with the server', async () => {
    const names: string[] = []
    const ended = new Promise<void>((resolve) => {
      const hooks: Hooks = { span: (name) => (names.push(name), { error: () => names.push('error'), end: () => resolve() }) }
      void opening({ sync: unreachable, hooks })
    })
    await ended
    assert.deepEqual(names.slice(0, 2), ['tidelog.pull', 'error'])
  })

  it('that throw are reported and change nothing', async () => {
    const errors: TidelogError[] = []
    const hooks: Hooks = {
      span: () => {
        throw new Error('no tracer')
      },
    }
    const log = await opening({ hooks, onError: (error) => errors.push(error) })
    assert.equal((await log.execute(course, 'a', complete('l1'))).version, 1)
    assert.deepEqual(errors.map(({ message }) => message), ['hooks failed: no tracer'])
  })
})

describe('marks', () => {
  it('stand on the timeline, only if they are asked for', async () => {
    performance.clearMeasures()
    const quiet = await opening()
    await quiet.execute(course, 'a', complete('l1'))
    assert.equal(performance.getEntriesByType('measure').filter(({ name }) => name.startsWith('tidelog:')).length, 0)
    const from = performance.now()
    const log = await opening({ marks: true })
    await log.execute(course, 'a', complete('l1'))
    const marks = performance.getEntriesByType('measure').filter(({ name }) => name.startsWith('tidelog:'))
    assert.deepEqual(new Set(marks.map(({ name }) => name)), new Set(['tidelog:decide', 'tidelog:append', 'tidelog:execute']))
    for (const { startTime, duration } of marks) assert.ok(startTime >= from - 1 && startTime + duration <= performance.now() + 1, `${startTime} + ${duration}`)
  })
})
