/** The bounds of a commit: what breaks one is rejected alone, with the place and the limit. */
import { check, equal } from '../check.js'
import { commit, commitOf, event } from '../sample.js'

const text = (bytes) => 'x'.repeat(bytes)
const changed = (more) => () => ({ ...commit('course-1'), ...more })
const withEvent = (more) => () => commit('course-1', { events: [event(more)] })
const withMetadata = (more) => () => commit('course-1', { metadata: more })
const without = (field) => () => {
  const { [field]: _, ...rest } = commit('course-1')
  return rest
}

const broken = {
  'no stream': without('stream'),
  'a stream without a hyphen': changed({ stream: 'course' }),
  'a stream without an aggregate': changed({ stream: '-1' }),
  'a stream without an id': changed({ stream: 'course-' }),
  'a stream of 513 bytes': changed({ stream: `course-${text(506)}` }),
  'a stream with a control character': changed({ stream: 'course-\u0007' }),
  'no expected version': without('expectedVersion'),
  'an expected version below zero': changed({ expectedVersion: -1 }),
  'an expected version that is no integer': changed({ expectedVersion: 1.5 }),
  'an expected version above 2^53 - 1': changed({ expectedVersion: 2 ** 53 }),
  'an expected version in other words': changed({ expectedVersion: 'some' }),
  'no metadata': without('metadata'),
  'a correlation id that is no UUID': withMetadata({ correlationId: 'chain' }),
  'a causation id that is no UUID': withMetadata({ causationId: 'cause' }),
  'a device id that is no UUID': withMetadata({ deviceId: 'phone' }),
  'no moment': withMetadata({ occurredAt: undefined }),
  'a moment that is a text': withMetadata({ occurredAt: '2026-03-03' }),
  'an actor of 513 bytes': withMetadata({ actor: text(513) }),
  'a traceparent of 129 bytes': withMetadata({ traceparent: text(129) }),
  'a command without a type': changed({ command: { data: {} } }),
  'a command type of 257 bytes': changed({ command: { type: text(257), data: {} } }),
  'command data over 1 MiB': changed({ command: { type: 'Complete', data: text(1_048_577) } }),
  'no events': changed({ events: [] }),
  'events that are no list': changed({ events: {} }),
  '10,001 events': () => commitOf(10_001, 'course-1'),
  'an event id that is no UUID': withEvent({ id: 'e1' }),
  'an empty event type': withEvent({ type: '' }),
  'an event type of 257 bytes': withEvent({ type: text(257) }),
  'schema version 0': withEvent({ schemaVersion: 0 }),
  'event data over 1 MiB': withEvent({ data: text(1_048_577) }),
  'no data': withEvent({ data: undefined }),
  'own keys over 64 KiB': withEvent({ custom: { note: text(65_536) } }),
}

const allowed = {
  'a stream of 512 bytes': changed({ stream: `course-${text(505)}` }),
  'a stream with hyphens and letters of any script in its id': changed({ stream: 'course-a-b-ä-日' }),
  'an actor of 512 bytes': withMetadata({ actor: text(512) }),
  'an event type of 256 bytes': withEvent({ type: text(256) }),
  'event data of null': withEvent({ data: null }),
  'event data of nearly 1 MiB': withEvent({ data: text(1_048_000) }),
  'own keys': withEvent({ custom: { note: text(60_000) } }),
  '1,000 events': () => commitOf(1_000, 'course-1'),
}

export const bounds = [
  ...Object.entries(broken).map(([what, make]) => ({
    id: `bound/${what.replaceAll(' ', '-')}`,
    says: `a commit with ${what} is rejected, the others of the push are not`,
    async run({ log }) {
      const one = log()
      const bad = make()
      const [outcome, other] = await one.push([bad, commit('other-1')])
      equal([outcome.status, outcome.problem?.type], ['rejected', 'urn:tidelog:problem:invalid-commit'], 'the outcome')
      check(typeof outcome.problem.detail === 'string' && outcome.problem.detail !== '', 'the problem does not say what is wrong')
      equal(other.status, 'committed', 'the outcome of the other commit')
      equal((await one.whole()).length, 1, 'commits in the log')
    },
  })),
  ...Object.entries(allowed).map(([what, make]) => ({
    id: `bound/allowed/${what.replaceAll(' ', '-')}`,
    says: `a commit with ${what} is committed`,
    async run({ log }) {
      const [outcome] = await log().push([make()])
      equal(outcome.status, 'committed', `the outcome (${outcome.problem?.detail})`)
    },
  })),
]
