/** What a pull brings, and how it goes on. */
import { check, equal, has, problem } from '../check.js'
import { commit, commitOf, event, uuid } from '../sample.js'

/** What is sent as the text of `data` and must come back as it is: numbers that programs spell otherwise or can't hold. */
const texts = ['1.0', '-0', '1e2', '12345678901234567890', '0.1000', '{"b":1,"a":2}', '{"1":1,"0":0}', '[1E+2]', '"\\u0041\\ud83d\\ude00"', '1e400']

export const pulls = [
  {
    id: 'pull/empty',
    says: 'a log that nobody has pushed to is empty and up to date, with a cursor',
    async run({ log }) {
      const one = log()
      const page = await one.pull()
      equal([page.commits, page.upToDate], [[], true], 'the page')
      equal((await one.pull(page.cursor)).commits, [], 'the page after its cursor')
      const plain = one.page(await one.ask(''))
      equal(plain.commits, [], 'the page without a query')
    },
  },
  {
    id: 'pull/as-accepted',
    says: 'a pull brings commits as they were accepted, in the order of positions, with the moment of recording',
    async run({ log }) {
      const one = log()
      const full = commit('course-1', {
        expectedVersion: 0,
        generation: 2,
        metadata: { causationId: uuid(), actor: 'ada', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
        command: { type: 'CompleteLesson', data: { lesson: 'l1' } },
        events: [event({ schemaVersion: 3, occurredAt: 1_789_000_000_000, custom: { note: 'late' } }), event({ data: null })],
      })
      const plain = commit('course-2')
      const before = Date.now()
      await one.push([full, plain])
      const [first, second] = await one.whole()
      equal(first.commit, full, 'a commit with every field')
      equal(second.commit, plain, 'a commit with the least')
      has(first, { firstVersion: 1, firstPosition: 1 }, 'the first commit')
      has(second, { firstVersion: 1, firstPosition: 3 }, 'the second commit')
      check(Number.isSafeInteger(first.recordedAt) && Math.abs(first.recordedAt - before) < 86_400_000, `recordedAt is ${first.recordedAt}, and here it is ${before}`)
    },
  },
  {
    id: 'pull/defaults',
    says: 'what may be absent has its default, or stays absent',
    async run({ log }) {
      const one = log()
      const { generation: _, ...given } = commit('course-1')
      const { schemaVersion: __, ...bare } = event()
      await one.push([{ ...given, command: { type: 'Complete' }, events: [bare] }])
      const [{ commit: stored }] = await one.whole()
      equal(stored.generation ?? 0, 0, 'generation')
      equal(stored.events[0].schemaVersion ?? 1, 1, 'schemaVersion')
      equal(stored.command.data ?? null, null, 'data of the command')
      for (const field of ['occurredAt', 'custom']) check(!(field in stored.events[0]) || stored.events[0][field] === null, `${field} appears in an event that had none`)
    },
  },
  {
    id: 'pull/unknown-fields',
    says: 'fields that the server does not know are ignored, and not kept',
    async run({ log }) {
      const one = log()
      const extended = { ...commit('course-1', { metadata: { colour: 'red' } }), colour: 'red', events: [event({ colour: 'red' })] }
      const outcomes = await one.push([extended], { colour: 'red' })
      equal(outcomes[0].status, 'committed', 'the outcome')
      check(!(await one.pull()).text.includes('colour'), 'a field that is not of the protocol comes back')
    },
  },
  {
    id: 'pull/text-as-it-came',
    says: '`data` and `custom` are handed on as the text they came as',
    async run({ log }) {
      const one = log()
      const made = commit('course-1', { command: { type: 'Complete', data: '@2' }, events: [event({ data: '@0', custom: '@1' })] })
      for (const text of texts) {
        const id = uuid()
        const body = JSON.stringify({ protocol: 1, deviceId: uuid(), commits: [{ ...made, id, events: [{ ...made.events[0], id: uuid() }] }] })
        const outcomes = one.outcomes(await one.send(body.replace(/"@\d"/g, text)), [{ id }])
        equal(outcomes[0].status, 'committed', `the outcome of ${text}`)
      }
      const { text: page } = await one.pull()
      for (const text of texts) {
        const count = page.split(`:${text}`).length - 1
        check(count >= 3, `${text} comes back ${count} times as it was, of 3`)
      }
    },
  },
  {
    id: 'pull/limit',
    says: 'a page holds whole commits of at most `limit` events, but one commit at least',
    async run({ log }) {
      const one = log()
      await one.push([commitOf(2, 'course-1'), commitOf(2, 'course-2'), commitOf(5, 'course-3'), commit('course-4')])
      for (const [limit, expected] of [[1, [[2], [2], [5], [1]]], [3, [[2], [2], [5], [1]]], [4, [[2, 2], [5], [1]]], [6, [[2, 2], [5, 1]]], [9, [[2, 2, 5], [1]]]]) {
        const sizes = []
        for (let after = '', more = true; more; ) {
          const page = await one.pull(after, limit)
          sizes.push(page.commits.map(({ commit }) => commit.events.length))
          more = !page.upToDate
          after = page.cursor
        }
        equal(sizes.filter((page) => page.length > 0), expected, `events of the commits on each page, at most ${limit}`)
      }
    },
  },
  {
    id: 'pull/limit-out-of-bounds',
    says: 'a limit that is not from 1 to 1,000 is answered 400',
    async run({ log }) {
      for (const limit of ['0', '1001', '-1', 'ten', '1.5', '']) problem(await log().ask(`?limit=${limit}`), 400, 'invalid-request', `limit=${limit}`)
    },
  },
  {
    id: 'pull/bytes',
    says: 'a page ends before the commit that would make it larger than 4 MiB, but holds one at least',
    async run({ log }) {
      const one = log()
      const commits = Array.from({ length: 7 }, (_, number) => commit(`course-${number}`, { events: [event({ data: 'x'.repeat(900_000) })] }))
      await one.push(commits.slice(0, 4))
      await one.push(commits.slice(4))
      const page = await one.pull()
      check(page.text.length <= 4_300_000, `a page of ${page.text.length} bytes`)
      check(!page.upToDate, 'the page says that it is up to date')
      equal((await one.whole()).length, 7, 'commits in all')
    },
  },
  {
    id: 'cursor/once',
    says: 'following the cursors brings every commit once, whatever the limit, and the end stays where it is',
    async run({ log }) {
      const one = log()
      const commits = Array.from({ length: 25 }, (_, number) => commitOf(1 + (number % 3), `course-${number % 4}`))
      await one.push(commits)
      for (const limit of [1, 2, 3, 7, 1_000]) {
        equal((await one.whole(limit)).map(({ commit }) => commit.id), commits.map(({ id }) => id), `with a limit of ${limit}`)
      }
      const { cursor } = await one.pull()
      const end = await one.pull(cursor)
      equal([end.commits, end.upToDate, end.cursor], [[], true, cursor], 'the page after the end')
      const late = commit('course-1')
      await one.push([late])
      equal((await one.pull(cursor)).commits.map(({ commit }) => commit.id), [late.id], 'what came after the end')
    },
  },
  {
    id: 'cursor/sorts',
    says: 'the cursors of a log have one length and sort by how far they stand',
    async run({ log }) {
      const one = log()
      await one.push(Array.from({ length: 12 }, () => commit('course-1')))
      const cursors = []
      for (let after = '', more = true; more; ) {
        const page = await one.pull(after, 1)
        cursors.push(page.cursor)
        more = !page.upToDate
        after = page.cursor
      }
      equal(new Set(cursors.map(({ length }) => length)).size, 1, 'lengths of cursors')
      equal(cursors, [...cursors].sort(), 'the cursors in the order of the pages')
    },
  },
  {
    id: 'cursor/not-one',
    says: 'what is no cursor, or one of another log, is answered 400',
    async run({ log }) {
      const one = log()
      const other = log()
      await one.push([commit('course-1')])
      await other.push([commit('course-1')])
      const { cursor } = await one.pull()
      for (const [what, after] of [['nonsense', 'nonsense'], ['a cursor cut short', cursor.slice(0, -1)], ['a cursor that goes on', `${cursor}0`], ['control characters', '\u0000\n']]) {
        problem(await one.ask(`?after=${encodeURIComponent(after)}`), 400, 'invalid-cursor', what)
      }
      problem(await other.ask(`?after=${encodeURIComponent(cursor)}`), 400, 'invalid-cursor', 'a cursor of another log')
    },
  },
]
