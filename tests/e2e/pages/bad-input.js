/** Calls that must fail, each with the error that it must fail with. Run in the page, where such values can be made. */
import * as tidelog from 'tidelog'
import { course, exam } from './domain.js'

/** The limit of data in bytes of JSON. */
const mebibyte = 1 << 20

/** An aggregate whose parts fail as commands tell them to, beside ones that do not. */
export const faulty = tidelog.aggregate({
  name: 'faulty',
  initialState: { count: 0 },
  decide({ type, data }) {
    switch (type) {
      case 'Work':
        return { type: 'Worked', data }
      case 'BreakLater':
        return { type: 'Broken' }
      case 'Decide':
        return decisions[data]()
    }
  },
  evolve(state, { type }) {
    if (type === 'Broken') throw new Error('evolve meets an event that it can not take')
    return { count: state.count + 1 }
  },
})

/** What `decide` may do wrong. */
const decisions = {
  throwBug: () => undefined.property,
  throwNothing: () => {
    throw undefined
  },
  refuse: () => {
    throw new tidelog.DomainError('not-today', 'closed on Sundays')
  },
  promise: () => Promise.resolve([]),
  number: () => 7,
  noType: () => [{ type: 'Fine' }, { type: '', data: 1 }],
  cycle: () => ({ type: 'Fine', data: cycle() }),
  bigint: () => ({ type: 'Fine', data: { amount: 1n } }),
  huge: () => ({ type: 'Fine', data: 'x'.repeat(mebibyte) }),
  halfFine: () => [{ type: 'Fine' }, { type: 'Fine', data: () => {} }],
  reenter: () => void log.append('course-reentered', [{ type: 'Written' }]),
}

function cycle() {
  const value = { name: 'ouroboros', tail: [] }
  value.tail.push({ value })
  return value
}

const stranger = tidelog.aggregate({ name: 'stranger', initialState: 0, decide: () => [], evolve: (state) => state })
const unopened = tidelog.projection({ name: 'unopened', initial: 0, key: () => 'all', on: { Never: (row) => row } })

const append = (event, options) => () => log.append('course-bad', [{ type: 'Fine' }, event], options)
const execute = (data, options) => () => log.execute(faulty, 'bad', { type: 'Work', data }, options)
const decide = (what) => () => log.execute(faulty, 'bad', { type: 'Decide', data: what })
const appendTo = (stream) => () => log.append(stream, [{ type: 'Fine' }])

const invalid = (argument) => ({ code: 'invalid-argument', details: { argument } })
const notJson = (path) => ({ code: 'not-json', details: { path } })
const tooLarge = (what, length) => ({ code: 'too-large', details: { what, length, limit: mebibyte } })
const code = (code, details = {}) => ({ code, details })

const versions = [1.5, -1, NaN, Infinity, 2 ** 53, '1', 1n, null, 'first', [1], new Date(0)]
const named = (value) => (typeof value === 'string' ? `'${value}'` : typeof value === 'bigint' ? `${value}n` : Array.isArray(value) ? '[1]' : value instanceof Date ? 'a date' : String(value))

/** What JSON can't hold, with the path below `data`. */
const values = {
  'a cycle': [cycle, '.tail[0].value'],
  'a BigInt': [() => ({ amount: 1n }), '.amount'],
  'a function': [() => ({ run() {} }), '.run'],
  'a symbol': [() => [Symbol('s')], '[0]'],
  NaN: [() => ({ score: NaN }), '.score'],
  'an infinity': [() => -Infinity, ''],
  'undefined in an array': [() => [1, undefined], '[1]'],
  'a hole in an array': [() => [1, , 3], '[1]'], // eslint-disable-line no-sparse-arrays
  'a Map': [() => ({ seen: new Map([[1, 2]]) }), '.seen'],
  'an invalid date': [() => ({ when: new Date(NaN) }), '.when'],
  'a getter that throws': [
    () => ({
      get now() {
        throw new Error('no')
      },
    }),
    undefined,
  ],
  '101 levels': [() => JSON.parse('['.repeat(101) + ']'.repeat(101)), undefined],
}

/** `[name, call, error]`; `details` says what must at least be in the error's. */
export const calls = [
  ['an event type of the empty string', append({ type: '' }), invalid('events[1].type')],
  ['an event type that is no string', append({ type: 7 }), invalid('events[1].type')],
  ['an event type of 257 bytes', append({ type: 'ä'.repeat(128) + 'a' }), code('invalid-event')],
  ['an event that is none', append(null), invalid('events[1]')],
  ['no event at all', () => log.append('course-bad', []), invalid('events')],
  ['an event with a key that would be lost', append({ type: 'Fine', payload: 1 }), invalid('events[1].payload')],
  ['a schema version of 0', append({ type: 'Fine', schemaVersion: 0 }), invalid('events[1].schemaVersion')],
  ['an event id that is no UUID', append({ type: 'Fine', id: 'first' }), invalid('events[1].id')],
  ['a date that is none', append({ type: 'Fine', occurredAt: new Date('soon') }), invalid('events[1].occurredAt')],

  ...versions.flatMap((version) => [
    [`an append that expects version ${named(version)}`, append({ type: 'Fine' }, { expectedVersion: version }), invalid('expectedVersion')],
    [`a command that expects version ${named(version)}`, execute({}, { expectedVersion: version }), invalid('expectedVersion')],
  ]),

  ...Object.entries(values).flatMap(([name, [make, path]]) => [
    [`${name} in an event`, () => append({ type: 'Fine', data: make() })(), path === undefined ? code('not-json') : notJson(`events[1].data${path}`)],
    [`${name} in a command`, () => execute(make())(), path === undefined ? code('not-json') : notJson(`command.data${path}`)],
  ]),

  ['an event of 1 MiB and a byte', append({ type: 'Fine', data: 'x'.repeat(mebibyte - 1) }), tooLarge('events[1].data', mebibyte + 1)],
  ['an event of 1 MiB in fewer letters', append({ type: 'Fine', data: '€'.repeat(mebibyte / 3) }), tooLarge('events[1].data', mebibyte + 1)],
  ['a command of 1 MiB and a byte', execute('x'.repeat(mebibyte - 1)), tooLarge('command.data', mebibyte + 1)],
  ['metadata over 64 KiB', append({ type: 'Fine', custom: { note: 'x'.repeat(1 << 16) } }), code('too-large', { limit: 1 << 16 })],

  ['a stream name of 513 bytes', appendTo(`course-${'x'.repeat(506)}`), code('invalid-stream')],
  ['a stream name of 513 bytes in fewer letters', appendTo(`course-${'€'.repeat(168)}xx`), code('invalid-stream')],
  ['an id that makes a stream name of 513 bytes', () => log.execute(course, 'x'.repeat(506), { type: 'CompleteLesson', data: { lesson: 'l' } }), code('invalid-stream')],
  ['a stream name without a hyphen', appendTo('course'), code('invalid-stream')],
  ['a stream name that ends with its hyphen', appendTo('course-'), code('invalid-stream')],
  ['a stream name with a control character', appendTo('course-a\nb'), code('invalid-stream')],
  ['an empty stream name', appendTo(''), invalid('stream')],
  ['an empty id', () => log.execute(course, '', { type: 'CompleteLesson', data: {} }), invalid('id')],

  ['an aggregate that was not given to open()', () => log.execute(stranger, 'a', { type: 'Any' }), code('unknown-aggregate', { aggregate: 'stranger' })],
  ['a state of an aggregate that was not given to open()', () => log.load(stranger, 'a'), code('unknown-aggregate', { aggregate: 'stranger' })],
  ['an aggregate that is none', () => log.execute({ name: 'course' }, 'a', { type: 'Any' }), code('unknown-aggregate', { aggregate: 'course' })],
  ['a projection that was not given to open()', () => log.rows(unopened), code('unknown-projection', { projection: 'unopened' })],
  ['a command that decide throws at', () => log.execute(exam, 'bad', { type: 'Burn' }), code('decide-failed', { aggregate: 'exam', command: 'Burn' })],
  ['a command that decide says nothing about', () => log.execute(faulty, 'bad', { type: 'Burn' }), code('decide-failed', { aggregate: 'faulty', command: 'Burn' })],
  ['a command without a type', () => log.execute(faulty, 'bad', { type: '' }), invalid('command.type')],
  ['a command that is none', () => log.execute(faulty, 'bad', 'Work'), invalid('command')],
  ['a version that is not there', () => log.execute(faulty, 'bad', { type: 'Work' }, { expectedVersion: 7 }), code('version-conflict', { stream: 'faulty-bad', expected: 7, actual: 1, missing: [] })],
  ['a stream that should not be there', () => log.append('faulty-bad', [{ type: 'Fine' }], { expectedVersion: 'none' }), code('version-conflict', { expected: 'none', actual: 1 })],

  ['a decide with a bug', decide('throwBug'), code('decide-failed', { aggregate: 'faulty', command: 'Decide' })],
  ['a decide that throws nothing', decide('throwNothing'), code('decide-failed')],
  ['a decide that refuses', decide('refuse'), code('refused', { detail: 'not-today' })],
  ['a decide that is asynchronous', decide('promise'), code('decide-failed')],
  ['a decide that returns no event', decide('number'), invalid('events[0]')],
  ['a decide that returns an event without a type', decide('noType'), invalid('events[1].type')],
  ['a decide that returns a cycle', decide('cycle'), notJson('events[0].data.tail[0].value')],
  ['a decide that returns a BigInt', decide('bigint'), notJson('events[0].data.amount')],
  ['a decide that returns over 1 MiB', decide('huge'), tooLarge('events[0].data', mebibyte + 2)],
  ['a decide whose second event is bad', decide('halfFine'), notJson('events[1].data')],
  ['a decide that calls the log', decide('reenter'), code('decide-failed')],
  ['an evolve that throws at a stored event, when loading', () => log.load(faulty, 'broken'), code('evolve-failed', { aggregate: 'faulty', stream: 'faulty-broken' })],
  ['an evolve that throws at a stored event, when deciding', () => log.execute(faulty, 'broken', { type: 'Work' }), code('evolve-failed', { aggregate: 'faulty', stream: 'faulty-broken' })],

  ['many commits of which one is bad', () => log.appendAll([{ stream: 'course-many', events: [{ type: 'Fine' }] }, { stream: 'course-many', events: [{ type: 'Fine', data: 1n }] }]), notJson('commits[1].events[0].data')],
  ['many commits of which one expects another version', () => log.appendAll([{ stream: 'course-many', events: [{ type: 'Fine' }] }, { stream: 'course-many', events: [{ type: 'Fine' }], expectedVersion: 7 }]), code('version-conflict', { stream: 'course-many', expected: 7 })],
  ['a read after what is no version', () => log.read({ stream: 'course-1', after: -1 }).toArray(), invalid('after')],
  ['a read of a page of no events', () => log.page({ limit: 0 }), invalid('limit')],
  ['a moment that is none', () => log.load(course, 'a', { at: new Date('soon') }), invalid('at')],
  ['a version that is none', () => log.load(course, 'a', { at: 1.5 }), invalid('at')],
  ['an outcome of a commit that is not there', () => log.outcome('course-a', '01912345-0000-7000-8000-000000000000'), code('unknown-commit')],
  ['an outcome of what is no commit', () => log.outcome('course-a', 'first'), invalid('commitId')],
  ['a retry of a commit that is not there', () => log.rejected.retry('01912345-0000-7000-8000-000000000000'), code('unknown-commit')],
]

/** `open()` with options that it does not take. */
export const openings = [
  ['no options', () => tidelog.open(), invalid('options')],
  ['no name', () => tidelog.open({}), invalid('name')],
  ['a name of 129 characters', () => tidelog.open({ name: 'x'.repeat(129) }), invalid('name')],
  ['a storage that is none', () => tidelog.open({ name: 'bad', storage: 'disk' }), invalid('storage')],
  ['two aggregates of one name', () => tidelog.open({ name: 'bad', aggregates: [course, { ...course }] }), invalid('aggregates')],
  ['a sync without a URL', () => tidelog.open({ name: 'bad', sync: {} }), invalid('sync.url')],
  ['an aggregate with a hyphen', () => tidelog.aggregate({ name: 'a-b', initialState: 0, decide() {}, evolve() {} }), invalid('name')],
  ['an aggregate without evolve', () => tidelog.aggregate({ name: 'a', initialState: 0, decide() {} }), invalid('evolve')],
  ['wasm that is none', () => tidelog.open({ name: 'bad', wasm: new Uint8Array([1, 2, 3]) }), code('wasm-failed')],
]

/** Before the calls: streams that they meet. */
export async function prepare() {
  await log.execute(faulty, 'bad', { type: 'Work', data: { before: true } })
  await log.execute(faulty, 'broken', { type: 'Work' })
  await log.append('faulty-broken', [{ type: 'Broken' }])
}

/** What the largest good values are: beside the too large ones, they must go in. */
export const largest = [
  ['an event of 1 MiB', () => log.append('course-largest', [{ type: 'Fine', data: 'x'.repeat(mebibyte - 2) }])],
  ['a command of 1 MiB', () => log.execute(faulty, 'largest', { type: 'Work', data: 'x'.repeat(mebibyte - 2) })],
  ['a stream name of 512 bytes', appendTo(`course-${'x'.repeat(505)}`)],
  ['an event type of 256 bytes', () => log.append('course-largest', [{ type: 'ä'.repeat(128) }])],
  ['100 levels', () => log.append('course-largest', [{ type: 'Fine', data: JSON.parse('['.repeat(100) + ']'.repeat(100)) }])],
]
