/** Decides a pushed command once more, and says why the commit is refused if other events come of it. See "Rules" in the protocol. */
import { isDeepStrictEqual } from 'node:util'
import { isDomainError, type AnyAggregate, type AnyEvent, type EventExtras, type RecordedEvent } from 'tidelog'

/** JSON as the server keeps it: the text it came as. */
interface Raw {
  readonly text: string
}

/** A commit, as the server has read it. */
interface Commit {
  readonly id: string
  readonly stream: string
  readonly since?: number
  readonly metadata: { readonly correlationId: string; readonly deviceId: string; readonly sessionId: string; readonly actor?: string; readonly occurredAt: number }
  readonly command?: { readonly type: string; readonly data: Raw }
  readonly events: readonly { readonly id: string; readonly type: string; readonly schemaVersion: number; readonly data: Raw; readonly custom?: Raw }[]
}

/** One that stands in the log. */
interface Confirmed {
  readonly firstVersion: number
  readonly firstPosition: number
  readonly recordedAt: number
  readonly commit: Commit
}

/** Why a commit is refused: what becomes of it is `rejected`, with this as its problem. */
interface Objection {
  readonly type: 'rule' | 'not-decided'
  readonly title: string
  readonly detail: string
  readonly code?: string
}

const notDecided = (detail: string): Objection => ({ type: 'not-decided', title: 'The events are not what the command leads to', detail })
const value = (raw: Raw | undefined): unknown => (raw === undefined ? undefined : JSON.parse(raw.text))

/** The events of a commit as `evolve` and `decide` know them. */
const recorded = ({ firstVersion, firstPosition, recordedAt, commit }: Confirmed): RecordedEvent[] =>
  commit.events.map(({ id, type, schemaVersion, data, custom }, index) => ({
    id,
    type,
    schemaVersion,
    data: value(data) as AnyEvent['data'],
    stream: commit.stream,
    version: firstVersion + index,
    position: firstPosition + index,
    status: 'confirmed',
    commitId: commit.id,
    metadata: { ...commit.metadata, recordedAt, ...(custom && { custom: value(custom) as Record<string, unknown> }) },
  }))

/** The rules of some aggregates; streams of others are taken as they come. What was merged by a function is refused: the example stops there. */
export function retracing(...aggregates: readonly AnyAggregate[]) {
  return (commit: Commit, history: () => readonly Confirmed[]): Objection | undefined => {
    const { stream, since, command, metadata } = commit
    const hyphen = stream.indexOf('-')
    const aggregate = aggregates.find(({ name }) => name === stream.slice(0, hyphen))
    if (!aggregate) return undefined
    if (!command) return notDecided('the events were appended without a command')
    const policy = aggregate.policies[command.type] ?? 'redecide'
    if (since !== undefined && typeof policy === 'function') return notDecided('what was merged is not looked at')

    // A commit that was decided again knew what had arrived from other devices; one that was kept was decided without it.
    const all = history().flatMap(recorded)
    const arrived = since === undefined ? [] : all.filter((event) => event.version > since && event.metadata.deviceId !== metadata.deviceId)
    const isKept = policy === 'keep'
    const known = isKept ? all.filter((event) => !arrived.includes(event)) : all
    const context = {
      now: new Date(metadata.occurredAt),
      stream,
      id: stream.slice(hyphen + 1),
      version: known.length,
      ...(metadata.actor !== undefined && { actor: metadata.actor }),
      replay: since !== undefined && !isKept,
      arrived: isKept ? [] : arrived,
    }
    let decided: readonly (AnyEvent & EventExtras)[]
    try {
      const state: unknown = known.reduce((state: unknown, event) => aggregate.evolve(state, event) as unknown, aggregate.initialState())
      decided = [aggregate.decide({ type: command.type, data: value(command.data) }, state, context)].flat() as typeof decided
    } catch (error) {
      if (isDomainError(error)) return { type: 'rule', title: 'A rule of the domain refuses the command', detail: error.message, code: error.code }
      return notDecided('the rules can not be asked about the command')
    }
    // As JSON says them: a `Date` or a field without a value is something else there.
    const said = ({ type, schemaVersion = 1, data, custom }: AnyEvent & EventExtras): unknown => JSON.parse(JSON.stringify([type, schemaVersion, data ?? null, custom]))
    const pushed = commit.events.map(({ type, schemaVersion, data, custom }) => JSON.parse(JSON.stringify([type, schemaVersion, value(data), value(custom)])) as unknown)
    return isDeepStrictEqual(decided.map(said), pushed) ? undefined : notDecided(`${command.type} leads to other events`)
  }
}
