/** Receipts: what `execute` and `append` answer, and what becomes of it later. */
import type { AnyCommand } from './command.js'
import { isTidelogError } from './errors.js'
import type { AnyEvent, NewEvent, RecordedEvent } from './event.js'

/** Why a commit was rejected. */
export interface Reason {
  /**
   * A stable word to switch on: `domain` (decided again, and refused), `policy` (its policy is to reject), `discarded` (a person was
   * asked, and decided against it), `builds-on-rejected`, `stream-archived` (the server has archived the stream),
   * `server` (the server refused it), `command-id-taken` (its id is that of another command), `undecidable` (nothing here knows its aggregate or command any more). More may come.
   */
  readonly code: string
  /** The message for a person, as `decide` or the server gave it. */
  readonly message: string
  /** The domain's own code, where its error carried one, or the URI of the server's problem type. */
  readonly detail?: string
  /** The rejected commit that this one builds on. */
  readonly buildsOn?: string
}

/** What became of a commit. */
export type Outcome<Event extends AnyEvent = AnyEvent> =
  /** The authority accepted it as it was. `version` and `position` are those of its last event. */
  | { readonly status: 'confirmed'; readonly version: number; readonly position: number }
  /** Its stream had moved; it was accepted after a rebase, with these events. */
  | {
      readonly status: 'rebased'
      readonly version: number
      readonly position: number
      /** How often it was rebased. */
      readonly generation: number
      readonly events: readonly RecordedEvent<Event>[]
    }
  /** The same command came from elsewhere first, under the same `commandId`: these events count, not those that were decided here. */
  | { readonly status: 'duplicate'; readonly version: number; readonly position: number; readonly events: readonly RecordedEvent<Event>[] }
  /** Its stream had moved, and decided again the command had nothing left to say: what it wanted is there already. Also the outcome of a command that led to no events. */
  | { readonly status: 'absorbed' }
  /** It can't be confirmed any more. It is in `tidelog.rejected` until the app resolves it. */
  | { readonly status: 'rejected'; readonly reason: Reason }

/** The answer of `execute` and `append`: what it says is durable on this device. */
export interface Receipt<Event extends AnyEvent = AnyEvent> {
  /** The commit's id, and its command's. There is one even if the command decided that nothing happens. */
  readonly commitId: string
  /** The stream. */
  readonly stream: string
  /** The version of the stream after the events. */
  readonly version: number
  /** The events, recorded; empty if the command decided that nothing happens. */
  readonly events: readonly RecordedEvent<Event>[]
  /**
   * Resolves when the commit is settled: at once where there is no sync, otherwise when the server has judged. It rejects only if
   * the tidelog is closed first (code `closed`); the commit stays in the queue then.
   */
  readonly confirmed: Promise<Outcome<Event>>
}

/** A commit that waits for the server. */
export interface QueuedCommit<Command extends AnyCommand = AnyCommand, Event extends AnyEvent = AnyEvent> {
  /** Its place in this device's queue; rising, with gaps. */
  readonly sequence: number
  /** Its id. */
  readonly commitId: string
  /** Its stream. */
  readonly stream: string
  /** The version it was decided on. */
  readonly expectedVersion: number | 'any' | 'exists' | 'none'
  /** How often it was rebased. */
  readonly generation: number
  /** What happens to it if its stream moves. */
  readonly policy: 'redecide' | 'keep' | 'reject' | 'ask' | 'merge'
  /** The command; undefined for events that were appended without one. */
  readonly command?: Command
  /** Its events, as they stand now; their versions are provisional. */
  readonly events: readonly RecordedEvent<Event>[]
}

/** A commit that can't be confirmed any more: kept until the app retries or discards it. */
export interface RejectedCommit<Command extends AnyCommand = AnyCommand, Event extends AnyEvent = AnyEvent> {
  /** Its id. */
  readonly commitId: string
  /** Its stream. */
  readonly stream: string
  /** The version it was last decided on. */
  readonly expectedVersion: number | 'any' | 'exists' | 'none'
  /** How often it was rebased. */
  readonly generation: number
  /** The command; undefined for events that were appended without one. */
  readonly command?: Command
  /** Its events, as they last stood. They are in no stream, so they have no version. */
  readonly events: readonly NewEvent<Event>[]
  /** Why it was rejected. */
  readonly reason: Reason
  /** When this device learned of it, in milliseconds since 1970. */
  readonly rejectedAt: number
}

/** A commit of another device that the server has lost, and did not take back from here. */
export interface Orphan<Command extends AnyCommand = AnyCommand, Event extends AnyEvent = AnyEvent> extends RejectedCommit<Command, Event> {
  /** The device that decided it. */
  readonly deviceId: string
  /** On whose behalf, if its app said so. */
  readonly actor?: string
}

/** Asks what becomes of a commit of a stream. */
export type OutcomeOf = <Event extends AnyEvent>(stream: string, commitId: string) => Promise<Outcome<Event>>

/** A receipt over the core's answer. `confirmed` is asked for when somebody reads it, and never left unhandled. */
export function makeReceipt<Event extends AnyEvent>(json: string, outcome: OutcomeOf): Receipt<Event> {
  const { commitId, stream, version, events } = JSON.parse(json) as Omit<Receipt<Event>, 'confirmed'>
  let confirmed: Promise<Outcome<Event>> | undefined
  return {
    commitId,
    stream,
    version,
    events,
    get confirmed() {
      if (!confirmed) {
        confirmed = events.length === 0 ? Promise.resolve({ status: 'absorbed' }) : settled(outcome<Event>(stream, commitId))
        confirmed.catch(() => {}) // Destructuring a receipt reads it; that alone must not raise an unhandled rejection.
      }
      return confirmed
    },
  }
}

/** A commit that has a receipt was there: if there is no trace of it, another tab found that it had nothing left to say. */
async function settled<Event extends AnyEvent>(outcome: Promise<Outcome<Event>>): Promise<Outcome<Event>> {
  try {
    return await outcome
  } catch (error) {
    if (isTidelogError(error, 'unknown-commit')) return { status: 'absorbed' }
    throw error
  }
}
