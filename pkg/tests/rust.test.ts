/** What is said of being in Rust and is not in the wasm, or is used where only its core can. The rest runs in examples/02-one-aggregate. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isTidelogError, open, rustAggregate, rustProcess, rustProjection, type ErrorCode, type OpenOptions } from '../src/node.js'

const course = rustAggregate<{ done: number }, { type: 'Do' }, { type: 'Done' }>('course')
const certification = rustProcess<{ lessons: number }>('certification')
const progress = rustProjection<{ done: number }>('progress')

async function refuses(options: Partial<OpenOptions>, code: ErrorCode, message: RegExp): Promise<void> {
  await assert.rejects(open({ name: 'rust', storage: 'memory', ...options }), (error) => {
    assert.ok(isTidelogError(error, code), String(error))
    assert.match(error.message, message)
    return true
  })
}

describe('a wasm module', () => {
  it('that lacks what the app names is refused, and the message says what to do', async () => {
    await refuses({ aggregates: [course] }, 'invalid-argument', /no "course": name it in `tidelog::export!`/)
    await refuses({ projections: [progress] }, 'invalid-argument', /no "progress"/)
    await refuses({ processes: [certification] }, 'invalid-argument', /no "certification": name it in `tidelog::export!`/)
  })

  it('that can not be had fails as the own one does', async () => {
    await refuses({ wasm: Promise.reject(new Error('no such file')) }, 'wasm-failed', /no such file/)
    const broken = { default: () => Promise.reject(new Error('not a wasm')), openCore: () => Promise.resolve() }
    await refuses({ wasm: broken }, 'wasm-failed', /not a wasm/)
  })
})

it('what is in Rust is not called from JavaScript', async () => {
  const tidelog = await open({ name: 'rust', storage: 'memory' })
  assert.throws(() => tidelog.replay(progress), (error) => isTidelogError(error, 'invalid-argument') && /Rust/.test(error.message))
  assert.throws(() => certification.correlate({} as never), /certification is written in Rust/)
  assert.throws(() => course.initialState(), /course is written in Rust/)
  await assert.rejects(tidelog.load(course, 'a'), (error) => isTidelogError(error, 'unknown-aggregate'))
  assert.throws(() => rustAggregate(''), (error) => isTidelogError(error, 'invalid-argument'))
  tidelog.close()
})
