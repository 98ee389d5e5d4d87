/** Timers that end with the log that set them: in Node.js, one that is left keeps the process alive. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Alarms } from '../src/alarms.js'
import { aggregate, open, type OpenOptions } from '../src/node.js'

/** Timers as they are set and ended, and in which order. */
function timers() {
  const set = new Map<number, () => void>()
  let last = 0
  const after = (milliseconds: number, run: () => void) => {
    const id = ++last
    const timer = setTimeout(() => (set.delete(id), run()), milliseconds)
    const cancel = () => (clearTimeout(timer), void set.delete(id))
    set.set(id, cancel)
    return cancel
  }
  return { set, after }
}

describe('alarms', () => {
  it('ring once, and not after all was closed', async () => {
    const { set, after } = timers()
    const alarms = new Alarms({ after })
    const rang: string[] = []
    alarms.after(86_400_000, () => rang.push('late'))
    await new Promise<void>((resolve) => alarms.after(1, () => (rang.push('soon'), resolve())))
    assert.equal(set.size, 1)
    alarms.close()
    alarms.after(1, () => rang.push('closed'))
    assert.deepEqual([rang, set.size], [['soon'], 0])
  })

  it('may ring while they are set', () => {
    const alarms = new Alarms({ after: (_, run) => (run(), () => {}) })
    let rang = 0
    alarms.after(1, () => rang++)
    alarms.close()
    assert.equal(rang, 1)
  })

  it('are all gone with a log that waits for its server', async () => {
    const { set, after } = timers()
    const course = aggregate({
      name: 'course',
      initialState: 0,
      decide: (_: { type: 'Complete' }): { type: 'Completed' }[] => [{ type: 'Completed' }],
      evolve: (state, _: { type: 'Completed' }) => state + 1,
    })
    let failed: () => void
    const refused = new Promise<void>((resolve) => (failed = resolve))
    const sync: OpenOptions['sync'] = { url: 'http://nobody.invalid/logs/a', fetch: () => (failed(), Promise.reject(new TypeError('no network'))) }
    const log = await open({ name: 'alarms', storage: 'memory', aggregates: [course], sync, environment: { after } })
    await log.execute(course, 'a', { type: 'Complete' })
    await refused
    while (!['waiting', 'offline'].includes(log.sync.status.state)) await new Promise(setImmediate)
    assert.ok(set.size > 0, 'it waits to try again')
    log.close()
    assert.equal(set.size, 0)
  })
})
