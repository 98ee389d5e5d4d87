import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Core } from '../src/core.js'
import { surroundings } from '../src/environment.js'
import { coreCrashed, isTidelogError, type TidelogError } from '../src/errors.js'
import { Maintenance } from '../src/maintenance.js'
import { Purity } from '../src/purity.js'
import { Session } from '../src/session.js'

/** A session over a core of which only a few functions are there. */
function session(core: Partial<Core>, environment = {}) {
  const errors: TidelogError[] = []
  const purity = new Purity()
  const made = new Session('log', core as Core, surroundings(environment), true, purity, (error) => errors.push(error))
  return { made, errors, purity }
}

describe('a core that crashes', () => {
  it('fails every call under way and every later one, ends every part, and is told once', async () => {
    const ended: string[] = []
    const { made, errors } = session({ close: () => void ended.push('core') })
    made.whenEnded(() => ended.push('first'))
    made.whenEnded(() => ended.push('second'))
    const never = [made.call(() => new Promise(() => {})), made.call(() => new Promise(() => {}))]
    made.crashed(coreCrashed('unreachable'))
    made.crashed(coreCrashed('again'))
    for (const call of never) await assert.rejects(call, (error) => isTidelogError(error, 'core-crashed'))
    await assert.rejects(made.call(() => Promise.resolve()), (error) => isTidelogError(error, 'core-crashed'))
    assert.throws(() => made.status(), (error) => isTidelogError(error, 'core-crashed'))
    made.close()
    assert.deepEqual(ended, ['second', 'first'], 'a core that crashed is not called again')
    assert.deepEqual(errors.map(({ code }) => code), ['core-crashed'])
    assert.equal(made.usable, false)
  })

  it('is noticed by a trap too', async () => {
    const { made, errors } = session({})
    await assert.rejects(made.call(() => Promise.reject(new WebAssembly.RuntimeError('unreachable'))), { code: 'core-crashed' })
    assert.equal(errors.length, 1)
    assert.equal(made.usable, false)
  })
})

describe('failures that nobody awaits', () => {
  it('reach onError, except those of a log that is being closed', () => {
    const { made, errors } = session({ close() {} })
    made.failed({ code: 'corrupt', message: 'm' })
    made.failed({ code: 'closed', message: 'm' })
    made.close()
    made.failed({ code: 'corrupt', message: 'm' })
    assert.deepEqual(errors.map(({ code }) => code), ['corrupt'])
  })

  it('that somebody else needed the database ends the log, and is told once with its reason', async () => {
    const ended: string[] = []
    const { made, errors } = session({ close: () => void ended.push('core') })
    made.whenEnded(() => ended.push(`parts, for ${made.takenBy}`))
    const taken = { code: 'closed', message: 'm', details: { by: 'newer-version' } }
    made.failed(taken)
    made.failed(taken)
    await assert.rejects(made.call(() => Promise.resolve()), { code: 'closed', details: { by: 'newer-version' } })
    assert.deepEqual(ended, ['parts, for newer-version', 'core'])
    assert.deepEqual(errors.map(({ details }) => details), [{ by: 'newer-version' }])
    assert.equal(made.closed, true)
  })

  it('a log cannot be closed from within a pure function', () => {
    const { made, purity } = session({ close() {} })
    assert.throws(() => purity.during(() => made.close()), { code: 'reentrant' })
    assert.equal(made.closed, false)
  })
})

describe('maintenance', () => {
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

  it('runs when idle, one step at a time, for as long as there is more to do', async () => {
    const idle: (() => void)[] = []
    const steps: ((more: boolean) => void)[] = []
    const { made } = session(
      { maintain: () => new Promise((resolve) => steps.push(resolve)), close() {} },
      { idle: (run: () => void) => (idle.push(run), () => void idle.splice(idle.indexOf(run), 1)) },
    )
    const maintenance = new Maintenance(made)
    const next = async (): Promise<void> => {
      idle.shift()!()
      await settled()
    }
    maintenance.schedule()
    maintenance.schedule()
    assert.equal(idle.length, 1)
    await next()
    steps.shift()!(true)
    await settled()
    assert.equal(idle.length, 1, 'there is more to do')
    await next()
    maintenance.schedule()
    assert.equal(idle.length, 0, 'not two steps at once')
    steps.shift()!(false)
    await settled()
    assert.equal(idle.length, 1, 'something changed during the step')
    made.close()
    assert.equal(idle.length, 0)
  })
})
