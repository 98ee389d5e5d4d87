/** Answering conflicts, following them, and retries that middleware stands around: loaded when the first of these is asked for. */
import type { AnyAggregate } from './aggregate.js'
import type { AnyCommand } from './command.js'
import type { Choice, Conflict, Met } from './conflict.js'
import { encodeCommand, encodeEvents, executeOptions, text } from './encode.js'
import { invalidArgument } from './errors.js'
import type { Receipt, RejectedCommit } from './receipt.js'
import type { Retry } from './resolve.js'
import type { Session } from './session.js'
import { checkCommand, checkEvents } from './validation.js'

/** Gives an answer to the core, as the schemas of its aggregate would have it. */
export async function resolveConflict(session: Session, aggregates: Iterable<AnyAggregate>, commitId: string, choice: Choice): Promise<void> {
  text(commitId, 'commitId')
  const answer = await encodeChoice(session, aggregates, commitId, choice)
  return session.call(() => session.core.resolve(commitId, answer))
}

async function encodeChoice(session: Session, aggregates: Iterable<AnyAggregate>, commitId: string, choice: Choice): Promise<string> {
  if (choice === 'keep' || choice === 'redecide' || choice === 'discard') return JSON.stringify(choice)
  const { events, command } = (typeof choice === 'object' && choice !== null ? choice : {}) as { events?: unknown; command?: AnyCommand }
  if ((events === undefined) === (command === undefined)) {
    throw invalidArgument('choice', "a choice is 'keep', 'redecide', 'discard', { events } or { command }")
  }
  const conflicts = JSON.parse(await session.call(() => session.core.conflicts())) as Conflict[]
  const name = conflicts.find((one) => one.commitId === commitId)?.stream.split('-', 1)[0]
  const schemas = [...aggregates].find((aggregate) => aggregate.name === name)?.schemas
  if (command !== undefined) return `{"command":${encodeCommand(await checkCommand(name ?? '', schemas?.commands, command))}}`
  const json = encodeEvents(checkEvents(schemas?.events, events))
  if (json === '[]') throw invalidArgument('choice', 'an answer needs at least one event: choose discard to take it back')
  return `{"events":${json}}`
}

/** Of what is not read, this many are kept. */
const mostUnread = 1_000

/** Tells what is unread and what comes, until the log is closed; `stop` ends what fills `unread` until now. */
export async function* follow(session: Session, unread: Met[], stop: () => void): AsyncGenerator<Met, void> {
  let wake = (): void => {}
  const stopHere = session.watchers.conflicts((met) => {
    if (unread.push(met) > mostUnread) unread.shift()
    wake()
  })
  stop()
  session.whenEnded(() => wake())
  try {
    while (session.usable) {
      const next = unread.shift()
      if (next) yield next
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    stopHere()
  }
}

/** Gives a rejected commit again through the middleware, which may change the command and what goes with it. */
export async function retryAround(session: Session, aggregates: Iterable<AnyAggregate>, retry: Retry, commitId: string): Promise<Receipt> {
  const rejected = JSON.parse(await session.call(() => session.core.rejected())) as RejectedCommit[]
  const found = rejected.find((one) => one.commitId === commitId)
  if (!found) return retry(commitId)
  const { stream, command: recorded, events } = found
  if (!recorded) return session.around.append({ commits: [{ stream, events }], retries: commitId }, () => retry(commitId))
  const [aggregate] = stream.split('-', 1) as [string]
  const context = { aggregate, id: stream.slice(aggregate.length + 1), stream, command: recorded, options: {}, retries: commitId }
  return session.around.command(context, async ({ command, options }) => {
    if (command === recorded) return retry(commitId, undefined, executeOptions(options))
    const schemas = [...aggregates].find(({ name }) => name === aggregate)?.schemas
    return retry(commitId, encodeCommand(await checkCommand(aggregate, schemas?.commands, command)), executeOptions(options))
  })
}
