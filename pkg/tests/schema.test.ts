/** Schemas of the real libraries at commands and events. */
import { type } from 'arktype'
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import * as v from 'valibot'
import { z } from 'zod'
import { aggregate, DomainError, isTidelogError, open, type SchemaMap, type StandardSchema, type Tidelog } from '../src/node.js'

/** The same shape in each library: a lesson that is trimmed and not empty, and its pages, each with a number from 1. */
const libraries: Record<string, { lesson: StandardSchema; asynchronous?: StandardSchema }> = {
  zod: {
    lesson: z.object({ lesson: z.string().trim().min(1), pages: z.array(z.object({ number: z.number().min(1) })) }),
    asynchronous: z.object({ lesson: z.string().refine(async (lesson) => (await Promise.resolve(lesson)) !== 'gone', 'is gone') }),
  },
  valibot: {
    lesson: v.object({ lesson: v.pipe(v.string(), v.trim(), v.minLength(1)), pages: v.array(v.object({ number: v.pipe(v.number(), v.minValue(1)) })) }),
    asynchronous: v.objectAsync({ lesson: v.pipeAsync(v.string(), v.checkAsync(async (lesson) => (await Promise.resolve(lesson)) !== 'gone', 'is gone')) }),
  },
  arktype: {
    lesson: type({ lesson: type('string.trim').to('string >= 1'), pages: type({ number: 'number >= 1' }).array() }),
  },
}

type Data = { lesson: string; pages?: { number: number }[] }
const courseWith = (commands: SchemaMap, events: SchemaMap) =>
  aggregate<{ readonly lessons: readonly string[] }, { type: 'Complete'; data: Data }, { type: 'Completed'; data: Data }>({
    name: 'course',
    initialState: { lessons: [] },
    decide({ data }, { lessons }) {
      if (lessons.includes(data.lesson)) throw new DomainError('completed')
      return { type: 'Completed', data }
    },
    evolve: ({ lessons }, { data }) => ({ lessons: [...lessons, data.lesson] }),
    schemas: { commands, events },
  })

const opened: Tidelog[] = []
after(() => opened.forEach((one) => one.close()))
async function opening(course: ReturnType<typeof courseWith>): Promise<Tidelog> {
  const log = await open({ name: 'schemas', storage: 'memory', aggregates: [course] })
  opened.push(log)
  return log
}

const pages = [{ number: 1 }]

for (const [name, { lesson, asynchronous }] of Object.entries(libraries)) {
  describe(name, () => {
    it('checks commands before they are decided, and passes on what it makes of them', async () => {
      const course = courseWith({ Complete: lesson }, {})
      const log = await opening(course)
      const receipt = await log.execute(course, 'a', { type: 'Complete', data: { lesson: ' l1 ', pages } })
      assert.deepEqual(receipt.events[0]?.data, { lesson: 'l1', pages })
      const wrong = { lesson: ' ', pages: [{ number: 1 }, { number: 0 }] }
      await assert.rejects(log.execute(course, 'a', { type: 'Complete', data: wrong }), (error) => {
        assert.ok(isTidelogError(error, 'invalid-command'), String(error))
        assert.deepEqual({ ...error.details, issues: error.details.issues.map(({ path }) => path).sort() }, {
          aggregate: 'course',
          command: 'Complete',
          issues: ['data.lesson', 'data.pages[1].number'],
        })
        assert.match(error.message, /^Complete of course is not valid: .*data\.lesson: ./)
        return true
      })
      await assert.rejects(log.execute(course, 'a', { type: 'Complete', data: undefined as unknown as Data }), (error) => {
        assert.ok(isTidelogError(error, 'invalid-command') && error.details.issues[0]?.path === 'data', String(error))
        return true
      })
      assert.equal(log.version('course-a'), 1)
    })

    it('checks events where they are decided and where they are appended, and writes nothing that is wrong', async () => {
      const course = courseWith({}, { Completed: lesson })
      const log = await opening(course)
      const wrong = { type: 'Completed', data: { lesson: 'l1', pages: [{ number: 0 }] } }
      const refused = async (promise: Promise<unknown>, path: string): Promise<void> =>
        assert.rejects(promise, (error) => {
          assert.ok(isTidelogError(error, 'invalid-event'), String(error))
          assert.deepEqual([error.details.event, error.details.issues?.map((issue) => issue.path)], ['Completed', [path]])
          return true
        })
      await refused(log.execute(course, 'a', { ...wrong, type: 'Complete' }), 'events[0].data.pages[0].number')
      await refused(log.append('course-a', [{ type: 'Opened' }, wrong]), 'events[1].data.pages[0].number')
      await refused(log.appendAll([{ stream: 'course-b', events: [wrong] }]), 'commits[0].events[0].data.pages[0].number')
      assert.deepEqual(log.streams(), [])
      await log.append('exam-a', wrong) // another aggregate's events are not this schema's
      await log.append('course-a', { type: 'Completed', data: { lesson: ' l1 ', pages } })
      assert.deepEqual((await log.load(course, 'a')).state.lessons, ['l1'])
    })

    if (asynchronous) {
      it('may take its time at a command, not at an event', async () => {
        const course = courseWith({ Complete: asynchronous }, {})
        const log = await opening(course)
        await log.execute(course, 'a', { type: 'Complete', data: { lesson: 'l1' } })
        await assert.rejects(log.execute(course, 'a', { type: 'Complete', data: { lesson: 'gone' } }), /data\.lesson: is gone/)
        const hasty = courseWith({}, { Completed: asynchronous })
        const other = await opening(hasty)
        await assert.rejects(other.execute(hasty, 'a', { type: 'Complete', data: { lesson: 'l1' } }), (error) => {
          assert.ok(isTidelogError(error, 'invalid-argument'), String(error))
          assert.match(error.message, /the schema of Completed is asynchronous/)
          return true
        })
        assert.equal(other.version('course-a'), 0)
      })
    }
  })
}

describe('schemas', () => {
  it('are checked when they are given', () => {
    for (const wrong of [undefined, {}, { '~standard': { version: 2, validate: () => ({ value: 1 }) } }]) {
      assert.throws(() => courseWith({ Complete: wrong as unknown as StandardSchema }, {}), (error) => isTidelogError(error, 'invalid-argument'))
    }
  })

  it('are not asked again about what has happened', async () => {
    let asked = 0
    const strict: StandardSchema = { '~standard': { version: 1, vendor: 'test', validate: (value) => (asked++, { value }) } }
    const course = courseWith({ Complete: strict }, { Completed: strict })
    const log = await opening(course)
    await log.execute(course, 'a', { type: 'Complete', data: { lesson: 'l1' } })
    await log.load(course, 'a', { at: 1 })
    await log.read().toArray()
    assert.equal(asked, 2)
  })

  it('that fail themselves are named', async () => {
    const broken: StandardSchema = {
      '~standard': {
        version: 1,
        vendor: 'broken',
        validate() {
          throw new Error('no')
        },
      },
    }
    const course = courseWith({ Complete: broken }, {})
    const log = await opening(course)
    await assert.rejects(log.execute(course, 'a', { type: 'Complete', data: { lesson: 'l1' } }), /the schema of Complete \(broken\) failed: no/)
  })
})
