import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeCommit } from '../src/bulk.js'
import { encodeCommand, encodeEvents, encodeJson, expected, integer, millis } from '../src/encode.js'
import { isTidelogError, type ErrorCode } from '../src/errors.js'

function refuses(run: () => unknown, code: ErrorCode, message: RegExp): void {
  assert.throws(run, (error) => {
    assert.ok(isTidelogError(error, code), String(error))
    assert.match(error.message, message)
    return true
  })
}

describe('data that JSON can hold', () => {
  const shared = { tag: 'a' }
  const held: [value: unknown, text: string][] = [
    [null, 'null'],
    ['é\u2028\ud800', JSON.stringify('é\u2028\ud800')],
    [{ a: undefined, b: [1, -0.5, true] }, '{"b":[1,-0.5,true]}'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    [{ toJSON: () => ({ cents: 100 }) }, '{"cents":100}'],
    [Object.assign(Object.create(null) as object, { a: 1 }), '{"a":1}'],
    [[shared, shared], '[{"tag":"a"},{"tag":"a"}]'],
  ]
  for (const [value, text] of held) {
    it(text, () => assert.equal(encodeJson(value, 'data'), text))
  }
})

describe('data that JSON would lose or change is refused, with the path to it', () => {
  const cycle: Record<string, unknown> = { name: 'cycle' }
  cycle['children'] = [{ parent: cycle }]
  class Money {
    cents = 1
  }
  const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)])
  const refused: [name: string, value: unknown, message: RegExp][] = [
    ['a cycle', cycle, /^data\.children\[0\]\.parent is part of a cycle/],
    ['a BigInt', { a: { b: 1n } }, /^data\.a\.b is a bigint/],
    ['a function', { run() {} }, /^data\.run is a function/],
    ['a symbol', [Symbol('s')], /^data\[0\] is a symbol/],
    ['an undefined array element', [1, undefined], /^data\[1\] is undefined/],
    ['a hole', [1, , 2], /^data\[1\] is undefined/],  
    ['NaN', { score: NaN }, /^data\.score is NaN/],
    ['infinity', { score: -Infinity }, /^data\.score is -Infinity/],
    ['a Map', { 'by key': new Map() }, /^data\["by key"\] is an instance of Map/],
    ['a Set', new Set(), /^data is an instance of Set/],
    ['a typed array', new Uint8Array(2), /^data is an instance of Uint8Array/],
    ['an instance of a class', { price: new Money() }, /^data\.price is an instance of Money/],
    ['an invalid date', { at: new Date(NaN) }, /^data\.at is an invalid date/],
    ['undefined itself', undefined, /^data is undefined/],
    ['more than a hundred levels', nested(101), /nested deeper than 100 levels/],
    [
      'a getter that throws at the second look',
      {
        looks: 0,
        get moody(): number {
          if ((this as { looks: number }).looks++ > 0) throw new Error('no')
          return 1
        },
      },
      /can't be written/,
    ],
  ]
  for (const [name, value, message] of refused) {
    it(name, () => refuses(() => encodeJson(value, 'data'), 'not-json', message))
  }
  it('a hundred levels are held', () => assert.ok(encodeJson(nested(100), 'data')))
})

describe('data over its limit', () => {
  it('counts bytes of UTF-8, not characters', () => {
    assert.equal(encodeJson('é'.repeat(4), 'data', 10), '"éééé"')
    refuses(() => encodeJson('é'.repeat(5), 'data', 10), 'too-large', /data is 12 bytes of JSON, over the limit of 10/)
    refuses(() => encodeJson('x'.repeat(1 << 20), 'data'), 'too-large', /1048578 bytes/)
  })
})

describe('commands and events', () => {
  it('are written with what may stand in them', () => {
    assert.equal(encodeCommand({ type: 'HandIn' }), '{"type":"HandIn","data":null}')
    assert.equal(
      encodeEvents({ type: 'A', data: { a: 1 }, schemaVersion: 2, id: '0190a0b0-0000-7000-8000-000000000000', occurredAt: new Date(5), custom: { k: 1 } }),
      '[{"type":"A","data":{"a":1},"schemaVersion":2,"id":"0190a0b0-0000-7000-8000-000000000000","occurredAt":5,"custom":{"k":1}}]',
    )
    assert.equal(encodeEvents([{ type: 'A', kind: 'Event', metadata: { k: 1 } }]), '[{"type":"A","custom":{"k":1}}]')
    assert.equal(encodeEvents([]), '[]')
    assert.equal(encodeCommit({ stream: 'a-1', events: [{ type: 'A' }] }, 'commits[0]'), '{"stream":"a-1","events":[{"type":"A"}],"expectedVersion":"any"}')
  })

  const bad: [name: string, run: () => unknown, argument: string][] = [
    ['no command', () => encodeCommand(null), 'command'],
    ['a command without a type', () => encodeCommand({ data: 1 }), 'command.type'],
    ['an event of the empty type', () => encodeEvents([{ type: '' }]), 'events[0].type'],
    ['something that is no event', () => encodeEvents(['A']), 'events[0]'],
    ['a hole in the events', () => encodeEvents([, { type: 'A' }]), 'events[0]'],  
    ['a key that would be lost', () => encodeEvents([{ type: 'A', payload: 1 }]), 'events[0].payload'],
    ['a schema version that is no integer', () => encodeEvents([{ type: 'A', schemaVersion: 1.5 }]), 'events[0].schemaVersion'],
    ['an id that is no UUID', () => encodeEvents([{ type: 'A', id: '1' }]), 'events[0].id'],
    ['a moment that is none', () => encodeEvents([{ type: 'A', occurredAt: new Date(NaN) }]), 'events[0].occurredAt'],
    ['a commit without events', () => encodeCommit({ stream: 'a-1', events: [] }, 'commits[7]'), 'commits[7].events'],
    ['a commit without a stream', () => encodeCommit({ events: [{ type: 'A' }] } as never, 'commits[7]'), 'commits[7].stream'],
  ]
  for (const [name, run, argument] of bad) {
    it(`refuses ${name}`, () =>
      assert.throws(run, (error) => isTidelogError(error, 'invalid-argument') && error.details.argument === argument))
  }
})

describe('numbers', () => {
  it('that are no versions are refused', () => {
    for (const value of [-1, 1.5, NaN, 2 ** 53, '1', 'first', null, 1n]) refuses(() => expected(value), 'invalid-argument', /expectedVersion/)
    for (const value of ['any', 'exists', 'none', 0, 7]) assert.equal(expected(value), value)
  })
  it('are bounded', () => {
    refuses(() => integer(11, 0, 10, 'limit'), 'invalid-argument', /limit is an integer from 0 to 10, not 11/)
    assert.equal(millis(new Date(1.5), 'at'), 1)
    refuses(() => millis('2026', 'at'), 'invalid-argument', /not "2026"/)
  })
})
