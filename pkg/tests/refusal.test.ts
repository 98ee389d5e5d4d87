import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { asTidelogError, isTidelogError, messageOf, TidelogError } from '../src/errors.js'
import { classifyThrown, DomainError, isDomainError } from '../src/refusal.js'

describe('what decide throws', () => {
  class IllegalStateError extends Error {}
  const cases: [name: string, thrown: unknown, refusal: object][] = [
    ['a DomainError', new DomainError('handed-in', 'Too late'), { domain: true, code: 'handed-in', message: 'Too late' }],
    ['a plain Error', new Error('no'), { domain: true, message: 'no' }],
    ["an Error of the app's own class", new IllegalStateError('no'), { domain: true, message: 'no' }],
    ['an Error with a code', Object.assign(new Error('no'), { code: 'X' }), { domain: true, code: 'X', message: 'no' }],
    ['a string', 'no', { domain: true, message: 'no' }],
    ['an object with a code', { code: 'X' }, { domain: true, code: 'X', message: 'X' }],
    ['an object with a message', { message: 'no' }, { domain: true, message: 'no' }],
    ['a TypeError', new TypeError('x is undefined'), { domain: false, message: 'TypeError: x is undefined' }],
    ['a RangeError with a code', Object.assign(new RangeError('r'), { code: 'ERR' }), { domain: false, message: 'RangeError: r' }],
    ['a DOMException', new DOMException('m', 'DataCloneError'), { domain: false, message: 'DataCloneError: m' }],
    ['an error of ours', new TidelogError('closed', 'm', {}), { domain: false, message: 'm' }],
    ['undefined', undefined, { domain: false, message: 'undefined' }],
    ['a number', 404, { domain: false, message: '404' }],
    ['the empty string', '', { domain: false, message: '' }],
  ]
  for (const [name, thrown, refusal] of cases) {
    it(name, () => assert.deepEqual(classifyThrown(thrown), refusal))
  }
})

describe('errors', () => {
  it('are told apart by brand and code, whichever copy of the package made them', () => {
    const foreign = Object.assign(new Error('m'), { code: 'closed', details: {}, [Symbol.for('tidelog.error')]: true })
    assert.ok(isTidelogError(foreign))
    assert.ok(isTidelogError(foreign, 'closed'))
    assert.ok(!isTidelogError(foreign, 'corrupt'))
    assert.ok(!isTidelogError(new Error('m')))
    assert.ok(!isTidelogError(null))
    assert.ok(isDomainError(new DomainError('a'), 'a'))
    assert.ok(!isDomainError(new DomainError('a'), 'b'))
    assert.ok(!isDomainError({ code: 'a' }))
    assert.equal(new DomainError('a').message, 'a')
  })

  it('are made of what the core throws', () => {
    const cause = new Error('cause')
    const error = asTidelogError({ code: 'version-conflict', message: 'm', details: { actual: 2 } }, cause)
    assert.ok(isTidelogError(error, 'version-conflict'))
    assert.equal(error.details.actual, 2)
    assert.equal(error.cause, cause)
    assert.equal(asTidelogError(error), error)
    assert.equal(asTidelogError({ code: 'closed', message: 'm' }).code, 'closed')
    assert.equal(asTidelogError(new WebAssembly.RuntimeError('unreachable')).code, 'core-crashed')
    assert.equal(asTidelogError(new Error('odd')).code, 'storage-failed')
  })

  it('have a message whatever was thrown', () => {
    const hostile = {
      get message(): string {
        throw new Error('no')
      },
    }
    assert.equal(messageOf(hostile), 'something without a message was thrown')
    assert.equal(messageOf(Object.create(null)), 'something without a message was thrown')
    assert.equal(messageOf(Symbol('s')), 'Symbol(s)')
  })
})
