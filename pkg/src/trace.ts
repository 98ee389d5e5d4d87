/** Letting others watch: spans for a tracer such as OpenTelemetry's, and User Timing marks for a profiler. */
import type { Environment } from './environment.js'
import type { Middleware } from './middleware.js'
import type { Transport } from './transport.js'

/** A span as it is open. */
export interface Span {
  /** Its W3C trace context; a command without one of its own records it in the metadata of its events. */
  readonly traceparent?: string | undefined
  /** It failed; `end` follows. */
  error?(error: unknown): void
  /** It is over. */
  end(): void
}

/** Who is told while the tidelog works. What it throws is reported to `onError` and changes nothing. */
export interface Hooks {
  /**
   * Something begins: `tidelog.execute`, `tidelog.load`, `tidelog.read`, `tidelog.row`, `tidelog.rows`, `tidelog.push`, `tidelog.pull`.
   * Attributes: `tidelog.log`, and where they apply `tidelog.aggregate`, `tidelog.command`, `tidelog.stream`, `tidelog.of`, `tidelog.key`.
   */
  span?(name: string, attributes: Readonly<Record<string, string>>): Span | undefined
}

/** Opens a span around each run. */
export type Trace = <Answer>(name: string, attributes: Readonly<Record<string, string | undefined>>, run: (span: Span | undefined) => Promise<Answer>) => Promise<Answer>

/** A trace over the hooks of the app. */
export function tracing(log: string, hooks: Hooks, failed: (thrown: unknown) => void): Trace {
  const careful = <Answer>(call: () => Answer): Answer | undefined => {
    try {
      return call()
    } catch (thrown) {
      failed(thrown)
      return undefined
    }
  }
  return async (name, attributes, run) => {
    const known = Object.entries({ log, ...attributes }).filter((entry): entry is [string, string] => entry[1] !== undefined)
    const span = careful(() => hooks.span?.(`tidelog.${name}`, Object.fromEntries(known.map(([key, value]) => [`tidelog.${key}`, value]))))
    try {
      return await run(span)
    } catch (thrown) {
      careful(() => span?.error?.(thrown))
      throw thrown
    } finally {
      careful(() => span?.end())
    }
  }
}

/** Spans around commands and queries: the outermost middleware. */
export function tracingMiddleware(trace: Trace): Middleware {
  return {
    command: ({ aggregate, stream, command, options }, next) =>
      trace('execute', { aggregate, stream, command: String(command?.type) }, (span) => {
        const { traceparent } = span ?? {}
        return next(traceparent !== undefined && options.traceparent === undefined ? { traceparent } : {})
      }),
    query: ({ kind, of, key }, next) => trace(kind, { of, key }, next),
  }
}

/** Spans around the exchanges with the server. An answer that refuses is an answer; only none at all is an error. */
export function tracingTransport(trace: Trace, transport: Transport): Transport {
  const send: Transport['send'] = (method, path, body) => trace(method === 'POST' ? 'push' : 'pull', {}, () => transport.send(method, path, body))
  return { ...transport, send }
}

/** Puts every timing of the core on the timeline of the page, as a measure `tidelog:<timing>`. */
export function markTimings({ elapsed }: Environment): (timing: string, began: number, took: number) => void {
  // The clock of the timeline may be another than the one that was given.
  const shift = performance.now() - elapsed()
  return (timing, began, took) => void performance.measure(`tidelog:${timing}`, { start: Math.max(0, began + shift), duration: took })
}
