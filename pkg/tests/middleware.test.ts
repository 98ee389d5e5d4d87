/** Middleware around commands and queries, over the real wasm in memory. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { aggregate, DomainError, isTidelogError, open, projection, type ErrorCode, type Middleware, type OpenOptions, type Receipt, type Tidelog } from '../src/node.js'

const course = aggregate({
  name: 'course',
  initialState: { lessons: [] as readonly string[] },
  decide(command: { type: 'Complete'; data: { lesson: string } }, state): { type: 'Completed'; data: { lesson: string } }[] {
    if (state.lessons.includes(command.data.lesson)) throw new DomainError('completed', 'it is completed already')
    return [{ type: 'Completed', data: command.data }]
  },
  evolve: (state, event: { type: 'Completed'; data: { lesson: string } }) => ({ lessons: [...state.lessons, event.data.lesson] }),
})
const progress = projection({
  name: 'progress',
  from: [course],
  initial: { done: 0 },
  key: (event) => event.stream,
  on: { Completed: (row) => ({ done: row.done + 1 }) },
})

const opened: Tidelog[] = []
after(() => opened.forEach((one) => one.close()))
async function opening(middleware: readonly Middleware[], more: Partial<OpenOptions> = {}): Promise<Tidelog> {
  const log = await open({ name: 'middleware', storage: 'memory', aggregates: [course], projections: [progress], middleware, ...more })
  opened.push(log)
  return log
}
const complete = (lesson: string) => ({ type: 'Complete', data: { lesson } }) as const
const fails = async (promise: Promise<unknown>, code: ErrorCode): Promise<Error & { details: unknown }> => {
  let caught: unknown
  await assert.rejects(promise, (error) => ((caught = error), assert.ok(isTidelogError(error, code), String(error)), true))
  return caught as Error & { details: unknown }
}

/** Writes down what passes, in and out. */
const logging = (name: string, diary: string[]): Middleware => ({
  async command({ command, stream }, next) {
    diary.push(`${name} ${command.type} ${stream}`)
    try {
      const receipt = await next()
      diary.push(`${name} ${receipt.version}`)
      return receipt
    } catch (error) {
      diary.push(`${name} ${isTidelogError(error) ? error.code : 'unknown'}`)
      throw error
    }
  },
  async query({ kind, of = '', key = '' }, next) {
    diary.push(`${name} ${kind} ${of} ${key}`.trimEnd())
    const answer = await next()
    diary.push(`${name} ${JSON.stringify(answer)?.slice(0, 20)}`)
    return answer
  },
})

describe('middleware', () => {
  it('stands around commands, the first outermost, and sees receipt or error', async () => {
    const diary: string[] = []
    const log = await opening([logging('outer', diary), { command: (_, next) => next({ actor: 'ada' }) }, logging('inner', diary)])
    const receipt = await log.execute(course, 'a', complete('l1'), { traceparent: '00-1' })
    assert.equal(receipt.events[0]?.metadata.actor, 'ada')
    assert.equal(receipt.events[0]?.metadata.traceparent, '00-1')
    await fails(log.execute(course, 'a', complete('l1')), 'refused')
    assert.deepEqual(diary, [
      'outer Complete course-a',
      'inner Complete course-a',
      'inner 1',
      'outer 1',
      'outer Complete course-a',
      'inner Complete course-a',
      'inner refused',
      'outer refused',
    ])
  })

  it('stands around every kind of query', async () => {
    const diary: string[] = []
    const log = await opening([logging('it', diary)])
    await log.append('course-a', { type: 'Completed', data: { lesson: 'l1' } })
    await log.load(course, 'a')
    await log.row(progress, 'course-a')
    assert.equal(await log.row(progress, 'none'), undefined)
    await log.rows(progress)
    await log.read({ aggregate: course }).toArray()
    await log.page({ stream: 'course-a' })
    await log.observe(course, 'a').ready
    await log.view(progress, 'course-a').ready
    assert.deepEqual(
      diary.filter((line) => /^it [a-z]+ /.test(line)),
      ['it load course a', 'it row progress course-a', 'it row progress none', 'it rows progress', 'it read course', 'it read  course-a', 'it load course a', 'it row progress course-a'],
    )
  })

  it('may refuse, as decide does, and nothing is written', async () => {
    const cause = new DomainError('forbidden', 'only a teacher may')
    const log = await opening([{ command: () => Promise.reject(cause), query: () => Promise.reject(cause) }])
    for (const call of [log.execute(course, 'a', complete('l1')), log.load(course, 'a'), log.rows(progress), log.read().toArray()]) {
      const error = await fails(call, 'refused')
      assert.deepEqual([error.message, error.details, error.cause], ['only a teacher may', { detail: 'forbidden' }, cause])
    }
    assert.deepEqual(log.streams(), [])
    const live = log.observe(course, 'a')
    await fails(live.ready, 'refused')
    assert.equal(live.error?.code, 'refused')
  })

  it('that is wrong is named', async () => {
    const wrong: [Middleware, RegExp][] = [
      [{ name: 'forgetful', command: async (_, next) => void (await next()) as unknown as Receipt }, /^forgetful failed: TypeError: it returned nothing/],
      [{ name: 'silent', query: async () => {} }, /^silent failed: TypeError: it neither called next/],
      [{ command: () => { throw new TypeError('x is not a function') } }, /^a middleware failed: TypeError: x is not/], // prettier-ignore
    ]
    for (const [middleware, message] of wrong) {
      const log = await opening([middleware])
      const call = middleware.command ? log.execute(course, 'a', complete('l1')) : log.load(course, 'a')
      assert.match((await fails(call, 'middleware-failed')).message, message)
    }
    for (const none of [null, {}, { command: 'x' }]) await fails(opening([none as unknown as Middleware]), 'invalid-argument')
  })

  it('may put a command right, wait, and try again', async () => {
    let conflicts = 0
    const log = await opening([
      {
        async command(_, next) {
          try {
            return await next({ expectedVersion: 0 })
          } catch (error) {
            if (!isTidelogError(error, 'version-conflict')) throw error
            conflicts++
            return next({ expectedVersion: error.details.actual, command: complete('l3') })
          }
        },
      },
    ])
    await log.execute(course, 'a', complete('l1'))
    const receipt = await log.execute(course, 'a', complete('l2'))
    assert.deepEqual([receipt.version, receipt.events[0]?.data, conflicts], [2, { lesson: 'l3' }, 1])
    await fails(log.execute(course, '', complete('l1')), 'invalid-argument')
  })

  it('checks again what it has changed itself', async () => {
    const log = await opening([{ command: (_, next) => next({ actor: '' }) }])
    await fails(log.execute(course, 'a', complete('l1')), 'invalid-argument')
    const other = await opening([{ command: (_, next) => next({ command: { type: 'Complete', data: { lesson: 1n } } }) }])
    await fails(other.execute(course, 'a', complete('l1')), 'not-json')
  })

  it('stands around appends and the chunks of bulk appends, and may refuse them', async () => {
    const diary: string[] = []
    const frozen: Middleware = {
      name: 'frozen',
      async append({ commits, actor }, next) {
        for (const { stream, events, expectedVersion } of commits) diary.push(`${stream} ${events.length} ${expectedVersion} ${actor}`)
        if (commits.some(({ stream }) => stream === 'course-frozen')) throw new DomainError('frozen', 'nothing more is written to it')
        const answer = await next()
        diary.push(typeof answer === 'number' ? `${answer} events` : `version ${(answer as Receipt).version}`)
        return answer
      },
    }
    const log = await opening([frozen])
    const event = { type: 'Completed', data: { lesson: 'l1' } }
    const receipt = await log.append('course-a', event, { expectedVersion: 'none', actor: 'ada' })
    assert.deepEqual([receipt.version, receipt.events.length], [1, 1])
    assert.deepEqual(await log.appendAll([{ stream: 'course-b', events: [event, event] }, { stream: 'course-c', events: [event] }]), { commits: 2, events: 3, total: 2 })
    const cause = await fails(log.append('course-frozen', [event]), 'refused')
    assert.deepEqual([cause.message, cause.details], ['nothing more is written to it', { detail: 'frozen' }])
    await fails(log.appendAll([{ stream: 'course-d', events: [event] }, { stream: 'course-frozen', events: [event] }]), 'refused')
    assert.deepEqual(log.streams(), ['course-a', 'course-b', 'course-c'])
    assert.deepEqual(diary, [
      'course-a 1 none ada',
      'version 1',
      'course-b 2 undefined undefined',
      'course-c 1 undefined undefined',
      '3 events',
      'course-frozen 1 any undefined',
      'course-d 1 undefined undefined',
      'course-frozen 1 undefined undefined',
    ])
    const silent = await opening([{ name: 'silent', append: () => Promise.resolve(1) }])
    await fails(silent.append('course-a', event), 'middleware-failed')
    assert.deepEqual(silent.streams(), [])
  })

  it('may let an append go on once more after it failed', async () => {
    let attempts = 0
    const log = await opening([
      {
        async append(_, next) {
          attempts++
          await assert.rejects(next(), { code: 'version-conflict' })
          await next()
        },
      },
    ])
    await fails(log.append('course-a', { type: 'Completed', data: { lesson: 'l1' } }, { expectedVersion: 3 }), 'version-conflict')
    assert.equal(attempts, 1)
  })
})
