/** Middleware: what stands around commands, appends and queries, the first given outermost. */
import type { AnyCommand, BulkCommit, ExecuteOptions } from './command.js'
import { isTidelogError, TidelogError } from './errors.js'
import type { Receipt } from './receipt.js'
import { classifyThrown } from './refusal.js'

/** A command on its way to its aggregate. */
export interface CommandContext {
  /** The name of the aggregate. */
  readonly aggregate: string
  /** The id of its instance. */
  readonly id: string
  /** The stream, `<aggregate>-<id>`. */
  readonly stream: string
  /** The command as it was given, or as an outer middleware passed it on. */
  readonly command: AnyCommand
  /** What goes with it, likewise. */
  readonly options: ExecuteOptions
  /** The rejected commit whose command is given again by `tidelog.rejected.retry()`. */
  readonly retries?: string
}

/** What a middleware may change on the way: the command itself, and what goes with it, also of a retry. */
export interface CommandChanges extends ExecuteOptions {
  /** Another command of the same aggregate, or the same with its data put right. */
  readonly command?: AnyCommand
}

/** Events on their way without a command. */
export interface AppendContext {
  /** What is appended: the commit of an `append`, or those of one chunk of an `appendAll`. */
  readonly commits: readonly BulkCommit[]
  /** On whose behalf, if the call says so. */
  readonly actor?: string
  /** The rejected commit whose events are given again by `tidelog.rejected.retry()`. */
  readonly retries?: string
}

/** A query on its way. */
export interface QueryContext {
  /**
   * - `load`: the state of an aggregate's instance, also for `observe` and `difference`.
   * - `read`: events.
   * - `row`, `rows`: of a projection, also for `view` and `query`.
   */
  readonly kind: 'load' | 'read' | 'row' | 'rows'
  /** The aggregate or projection that it asks for; for events the aggregate that they are restricted to, if any. */
  readonly of?: string
  /** The id of the instance or the key of the row, if it asks for one; for events the stream that they are restricted to, if any. */
  readonly key?: string
}

/**
 * What stands around commands, appends and queries: validation, authorisation, logging, measuring.
 *
 * ```ts
 * const teacherOnly: Middleware = {
 *   name: 'teacher-only',
 *   command(context, next) {
 *     if (context.command.type === 'Annul' && !session.teacher) throw new DomainError('forbidden', 'Only a teacher may annul an exam')
 *     return next({ actor: session.user })
 *   },
 * }
 * ```
 *
 * To refuse, it throws a `DomainError` (or another `Error` of the app): the caller gets `refused`, as from `decide`. What is a bug
 * becomes `middleware-failed`. It may call `next` again, to try once more; each call is an execution of its own.
 *
 * It runs where the app asks, not when a rebase decides a pending command again: that was allowed already, and the person may not even
 * be there any more. Whether they still may is for the server to judge.
 */
export interface Middleware {
  /** Its name in error messages. */
  readonly name?: string
  /** Around a command; returns what `next` gives. */
  readonly command?: (context: CommandContext, next: (changes?: CommandChanges) => Promise<Receipt>) => Promise<Receipt>
  /** Around an append, or a chunk of `appendAll`. It sees the receipt or the number of events, and can refuse, but not change what is written. */
  readonly append?: (context: AppendContext, next: () => Promise<unknown>) => Promise<unknown>
  /**
   * Around a query. It sees the answer, which stays what it is. A middleware that asks the tidelog itself comes around again: let
   * `context` decide.
   */
  readonly query?: (context: QueryContext, next: () => Promise<unknown>) => Promise<unknown>
}

/** Runs commands, appends and queries through all middleware. */
export class Around {
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
