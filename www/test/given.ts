import { isDomainError, type AnyAggregate, type AnyEvent, type CommandOf, type EventOf, type RecordedEvent } from 'tidelog'
import { expect } from 'vitest'
import { foldState } from '../src/domain'

/** An event as readers see it, at the given version of its stream. */
export function recorded<Event extends AnyEvent>(stream: string, version: number, event: Event): RecordedEvent<Event> {
  return {
    ...event,
    id: `${stream}/${version}`,
    schemaVersion: 1,
    stream,
    version,
    position: version,
    status: 'confirmed',
    commitId: `commit of ${stream}/${version}`,
    metadata: { correlationId: '', deviceId: 'here', sessionId: '', occurredAt: 0 },
  }
}

export const history = <Event extends AnyEvent>(stream: string, events: readonly Event[]): RecordedEvent<Event>[] =>
  events.map((event, index) => recorded(stream, index + 1, event))

/** Given these events, when this command comes: what is decided, or the code of the refusal. */
export function given<A extends AnyAggregate>(aggregate: A, ...events: EventOf<A>[]) {
  const stream = `${aggregate.name}-1`
  const past = history(stream, events as AnyEvent[])
  const state = foldState(aggregate, past)
  const context = { now: new Date(0), stream, id: '1', version: past.length, replay: false, arrived: [] }
  return {
    state,
    when: (command: CommandOf<A>) => ({
      then: (...expected: EventOf<A>[]) => expect(aggregate.decide(command, state, context)).toEqual(expected),
      refused(code: string) {
        try {
          aggregate.decide(command, state, context)
        } catch (error) {
          if (isDomainError(error)) return expect(error.code).toBe(code)
          throw error
        }
        throw new Error(`${code} was not refused`)
      },
    }),
  }
}
