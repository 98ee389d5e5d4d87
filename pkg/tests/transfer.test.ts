/** Export and import over the real wasm, in memory. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { aggregate, isTidelogError, open, type ErrorCode, type OpenOptions, type Tidelog, type TransferProgress } from '../src/node.js'

type Completed = { type: 'LessonCompleted'; data: { lesson: string } }
const course = aggregate({
  name: 'course',
  initialState: { lessons: [] as string[] },
  decide: (command: { type: 'Complete'; data: { lesson: string } }): Completed => ({ type: 'LessonCompleted', data: command.data }),
  evolve: (state, event: Completed) => ({ lessons: [...state.lessons, event.data.lesson] }),
})

const opened: Tidelog[] = []
async function tidelog(options: Partial<OpenOptions> = {}): Promise<Tidelog> {
  const one = await open({ name: 'transfer', storage: 'memory', aggregates: [course], ...options })
  opened.push(one)
  return one
}
after(() => opened.forEach((one) => one.close()))

async function lived(): Promise<Tidelog> {
  const log = await tidelog()
  for (let number = 0; number < 20; number++) {
    await log.execute(course, String(number % 2), { type: 'Complete', data: { lesson: `l${number} “é😀”` } }, { actor: `actor-${number % 2}` })
  }
  return log
}

async function refuses(doing: Promise<unknown>, code: ErrorCode): Promise<void> {
  await assert.rejects(doing, (error) => {
    assert.ok(isTidelogError(error, code), String(error))
    return true
  })
}

describe('a log as text', () => {
  it('is the same log again on a fresh profile, however it is carried', async () => {
    const log = await lived()
    const backup = await log.export().text()
    const bytes = new TextEncoder().encode(backup)
    function* single(): Generator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7)
    }
    const sources = [backup, new Blob([backup]), log.export().stream(), log.export(), single(), [backup.slice(0, 100), backup.slice(100)]]
    for (const source of sources) {
      const fresh = await tidelog()
      const done = await fresh.import(source)
      assert.deepEqual(done, { commits: 20, events: 20, duplicates: 0, mode: 'restore' })
      assert.deepEqual(await fresh.read().toArray(), await log.read().toArray())
      assert.deepEqual(await fresh.load(course, '1'), await log.load(course, '1'))
      assert.notEqual(fresh.deviceId, log.deviceId)
      assert.deepEqual(await fresh.import(backup), { commits: 0, events: 0, duplicates: 20, mode: 'restore' })
    }
  })

  it('tells its progress and ends when it is aborted', async () => {
    const log = await tidelog()
    await log.appendAll(Array.from({ length: 3_000 }, (_, index) => ({ stream: 'course-1', events: [{ type: 'LessonCompleted', data: { lesson: `l${index}` } }] })))
    const seen: TransferProgress[] = []
    const backup = await log.export({ onProgress: (progress) => seen.push(progress) }).text()
    assert.deepEqual(seen.at(-1), { commits: 3_000, events: 3_000, duplicates: 0, total: 3_000 })
    assert.ok(seen.length > 3)

    const fresh = await tidelog()
    const controller = new AbortController()
    const stopping = fresh.import(backup, { signal: controller.signal, onProgress: ({ events }) => events > 0 && controller.abort(new Error('enough')) })
    await assert.rejects(stopping, /enough/)
    const there = (await fresh.read().toArray()).length
    assert.ok(there > 0 && there < 3_000, `${there} events`)
    const done = await fresh.import(backup)
    assert.equal(done.events, 3_000 - there)
    assert.deepEqual(await fresh.read().toArray(), await log.read().toArray())
    const aborted = log.export({ signal: AbortSignal.abort(new Error('no')) })
    await assert.rejects(aborted.text(), /no/)
  })

  it('is chosen by stream, aggregate, actor and time, and holds a person’s data', async () => {
    const log = await lived()
    const count = async (options: Parameters<Tidelog['export']>[0]): Promise<number> => (await log.export({ form: 'cloud-events', ...options }).text()).split('\n').length - 1
    assert.equal(await count({}), 20)
    assert.equal(await count({ streams: ['course-1'] }), 10)
    assert.equal(await count({ aggregates: [course] }), 20)
    assert.equal(await count({ streams: ['course-1'], actor: 'actor-0' }), 0)
    assert.equal(await count({ person: { streams: ['course-1'], actor: 'actor-0' } }), 20)
    assert.equal(await count({ to: new Date(0) }), 0)
  })

  it('is CloudEvents for others, and read back from them', async () => {
    const log = await lived()
    const batch = await log.export({ form: 'cloud-events-batch', source: 'https://example.org' }).text()
    const [first] = JSON.parse(batch) as Record<string, unknown>[]
    assert.equal(first?.['specversion'], '1.0')
    assert.equal(first?.['subject'], 'course-0')
    assert.equal(first?.['source'], 'https://example.org')
    const fresh = await tidelog()
    assert.equal((await fresh.import(batch)).events, 20)
    assert.equal((await fresh.import(await log.export({ form: 'cloud-events' }).text())).duplicates, 20)
    const facts = async (one: Tidelog): Promise<unknown> => (await one.read().toArray()).map(({ id, type, data, stream, version }) => ({ id, type, data, stream, version }))
    assert.deepEqual(await facts(fresh), await facts(log))
  })

  const bad: [what: string, run: (log: Tidelog, backup: string) => Promise<unknown>, code: ErrorCode][] = [
    ['damage', (log, backup) => log.import(backup.replace('l7', 'l8')), 'damaged-import'],
    ['half of it', (log, backup) => log.import(backup.slice(0, backup.length / 2)), 'import-cut-short'],
    ['nothing', (log) => log.import(''), 'import-cut-short'],
    ['another format', (log) => log.import('id;name\n1;Ada'), 'unreadable-import'],
    ['a newer format', (log, backup) => log.import(backup.replace('"format":1', '"format":9')), 'newer-format'],
    ['a part, to be restored', async (log) => log.import(await (await lived()).export({ streams: ['course-1'] }).text(), { mode: 'restore' }), 'not-restorable'],
    ['no source', (log) => log.import(undefined as never), 'invalid-argument'],
    ['a mode that is none', (log, backup) => log.import(backup, { mode: 'guess' as never }), 'invalid-argument'],
    ['a form that is none', (log) => log.export({ form: 'csv' as never }).text(), 'invalid-argument'],
    ['rows without a source', (log) => log.import([{}], { map: () => null } as never), 'invalid-argument'],
    ['rows with a bad stream', (log) => log.import([{}], { source: 't', map: () => ({ key: '1', stream: 'nobody', events: [{ type: 'A' }] }) }), 'invalid-argument'],
  ]
  for (const [what, run, code] of bad) {
    it(`is refused with a word that says why: ${what}`, async () => {
      const backup = await (await lived()).export().text()
      const log = await tidelog()
      await refuses(run(log, backup), code)
      assert.deepEqual(await log.read().toArray(), [])
    })
  }
})

describe('rows of another database', () => {
  const learners = [
    { id: 7, lesson: 'l1', at: Date.UTC(2020, 1, 1) },
    { id: 8, lesson: 'l2', at: Date.UTC(2021, 1, 1) },
    { id: 9, lesson: null, at: 0 },
  ]
  const options = {
    source: 'crm.learners',
    map: ({ id, lesson, at }: (typeof learners)[number]) =>
      lesson === null ? null : { key: String(id), stream: `course-${id}`, events: [{ type: 'LessonCompleted', data: { lesson }, occurredAt: at }] },
  }

  it('become the first events of their streams, once', async () => {
    const log = await tidelog()
    assert.equal((await log.import(learners, options)).events, 2)
    await log.execute(course, '7', { type: 'Complete', data: { lesson: 'new' } })
    const again = await log.import([...learners, { id: 10, lesson: 'l4', at: 0 }], options)
    assert.deepEqual(again, { commits: 1, events: 1, duplicates: 2 })
    assert.deepEqual((await log.load(course, '7')).state.lessons, ['l1', 'new'])
    const [first] = await log.read({ stream: 'course-7' }).toArray()
    assert.equal(first?.metadata.occurredAt, Date.UTC(2020, 1, 1))
  })

  it('do not go over a stream that is here already', async () => {
    const log = await tidelog()
    await log.execute(course, '8', { type: 'Complete', data: { lesson: 'own' } })
    await refuses(log.import(learners, options), 'version-conflict')
    assert.equal(log.version('course-7'), 0)
  })
})
