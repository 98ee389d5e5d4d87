/** The layers of middleware around commands, appends and queries: loaded where there are some. */
import { isTidelogError, TidelogError } from './errors.js'
import type { AppendContext, Around, CommandContext, Middleware, QueryContext } from './middleware.js'
import type { Receipt } from './receipt.js'
import { classifyThrown } from './refusal.js'

/** Runs commands, appends and queries through all middleware. */
export class Layers implements Around {
  readonly #layers: readonly Middleware[]

  constructor(layers: readonly Middleware[]) {
    this.#layers = layers
  }

  /** Whether something stands around commands or appends. */
  get writes(): boolean {
    return this.#layers.some((layer) => layer.command ?? layer.append)
  }

  /** Runs a command; `end` executes what the last middleware passed on. */
  async command<Answer extends Receipt>(context: CommandContext, end: (context: CommandContext) => Promise<Answer>): Promise<Answer> {
    const from = (layers: readonly Middleware[], context: CommandContext): Promise<Receipt> => {
      const [layer, ...rest] = layers
      if (!layer) return end(context)
      const run = layer.command
      if (!run) return from(rest, context)
      return guarded(layer, async () => {
        const receipt = await run.call(layer, context, ({ command = context.command, ...options } = {}) =>
          from(rest, { ...context, command, options: { ...context.options, ...options } }),
        )
        if (receipt === undefined) throw new TypeError('it returned nothing: return what next() gives')
        return receipt
      })
    }
    return (await from(this.#layers, context)) as Answer
  }

  /** Runs an append; `end` writes it. */
  append<Answer>(context: AppendContext, end: () => Promise<Answer>): Promise<Answer> {
    return this.#watched('append', context, end)
  }

  /** Runs a query; `end` answers it. */
  query<Answer>(context: QueryContext, end: () => Promise<Answer>): Promise<Answer> {
    return this.#watched('query', context, end)
  }

  /** Runs what a middleware sees and can refuse, but not change. */
  async #watched<Kind extends 'append' | 'query', Answer>(kind: Kind, context: Parameters<NonNullable<Middleware[Kind]>>[0], end: () => Promise<Answer>): Promise<Answer> {
    let answered: { answer: Answer } | undefined
    const from = async (layers: readonly Middleware[]): Promise<unknown> => {
      const [layer, ...rest] = layers
      if (!layer) return (answered ??= { answer: await end() }).answer
      const run = layer[kind] as ((context: unknown, next: () => Promise<unknown>) => Promise<unknown>) | undefined
      if (!run) return from(rest)
      return guarded(layer, async () => {
        const answer = await run.call(layer, context, () => from(rest))
        if (!answered) throw new TypeError('it neither called next() nor threw')
        return answer
      })
    }
    await from(this.#layers)
    return answered!.answer
  }
}

/** Runs a middleware; what it throws by itself becomes a refusal or a bug of the app. */
async function guarded<Answer>(layer: Middleware, run: () => Promise<Answer>): Promise<Answer> {
  try {
    return await run()
  } catch (thrown) {
    if (isTidelogError(thrown)) throw thrown
    const { domain, code, message } = classifyThrown(thrown)
    if (domain) throw new TidelogError('refused', message, code === undefined ? {} : { detail: code }, { cause: thrown })
    const { name = 'a middleware' } = layer
    throw new TidelogError('middleware-failed', `${name} failed: ${message}`, { middleware: name }, { cause: thrown })
  }
}
