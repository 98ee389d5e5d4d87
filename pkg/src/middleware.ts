/** Middleware: what stands around commands, appends and queries, the first given outermost. */
import type { AnyCommand, BulkCommit, ExecuteOptions } from './command.js'
import type { Receipt } from './receipt.js'

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

/** What commands, appends and queries pass on their way. */
export interface Around {
  /** Whether something stands around what writes. */
  readonly writes: boolean
  /** Runs a command: `end` is given the command and the options that remain in the end. */
  command<Answer extends Receipt>(context: CommandContext, end: (context: CommandContext) => Promise<Answer>): Promise<Answer>
  /** Runs an append. */
  append<Answer>(context: AppendContext, end: () => Promise<Answer>): Promise<Answer>
  /** Runs a query. */
  query<Answer>(context: QueryContext, end: () => Promise<Answer>): Promise<Answer>
}

/** Nothing stands around them. */
export const nothingAround: Around = {
  writes: false,
  command: (context, end) => end(context),
  append: (_, end) => end(),
  query: (_, end) => end(),
}
