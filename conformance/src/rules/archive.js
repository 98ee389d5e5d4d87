/** Streams that were archived: nobody is led past what is gone without knowing, and nothing is added to it. */
import { check, equal, has, NotTried, problem } from '../check.js'
import { commit, commitOf, push } from '../sample.js'
import { stream } from './news.js'

const query = (parameters) => `?${new URLSearchParams(parameters)}`

/** The markers of a log, page by page. */
async function markers(one, limit = 1_000, more = {}) {
  const all = []
  for (let after = ''; ; ) {
    const answer = await one.markers(query({ after, limit, ...more }))
    equal(answer.status, 200, `the markers are given (${answer.text.slice(0, 300)})`)
    const { archived, cursor, upToDate, logId } = answer.json ?? {}
    check(Array.isArray(archived) && archived.length <= limit, `the markers are an array of at most ${limit}`)
    check(typeof logId === 'string' && typeof cursor === 'string' && typeof upToDate === 'boolean', 'an answer with markers has logId, cursor and upToDate')
    all.push(...archived)
    if (upToDate) return { archived: all, cursor }
    check(cursor !== after, 'markers that are not upToDate lead on')
    after = cursor
  }
}

/** A log of which two streams are archived, with two events and three in two commits, and one is left, with commits before and after theirs. */
async function archived({ log, archive }) {
  if (!archive) throw new NotTried('the suite was not told how to archive: see `archive`')
  const one = log()
  const commits = [commit('course-1'), commitOf(2, 'exam-1'), commit('exam-2'), commitOf(2, 'exam-2'), commit('course-1')]
  const before = []
  for (const each of commits) {
    await one.push([each])
    before.push(await one.pull())
  }
  const whole = await one.whole()
  await archive(one.name, 7)
  return { one, commits, whole, before, end: before.at(-1).cursor }
}

const names = ({ commits }) => commits.map(({ commit }) => commit.id)

export const archive = [
  {
    id: 'archive/gone',
    says: 'a pull that would hold archived events is 410 and says how much is gone, unless its reader holds the markers',
    async run(on) {
      const { one, commits, whole } = await archived(on)
      const answer = await one.ask('?after=')
      problem(answer, 410, 'archived', 'a pull from the beginning')
      equal(answer.json.gone, { streams: 2, events: 5, position: 6 }, 'what is gone')
      problem(await one.ask(query({ after: '', archived: 'nonsense' })), 410, 'archived', 'a pull that names markers that there are not')
      const { cursor } = await markers(one)
      for (const known of [cursor, 'any']) {
        const page = one.page(await one.ask(query({ after: '', archived: known })))
        equal(names(page), [commits[0].id, commits[4].id], `what is left, with archived=${known}`)
        equal(page.commits, [whole[0], whole[4]], 'versions, positions and all else of what is left')
        equal(page.archived, cursor, 'the markers that the page says there are')
      }
    },
  },
  {
    id: 'archive/markers',
    says: 'the markers say of each stream that is gone what it was, in an order with cursors of its own',
    async run(on) {
      const { one } = await archived(on)
      for (const limit of [1_000, 1]) {
        const all = await markers(one, limit)
        const [first, second] = [...all.archived].sort((a, b) => a.position - b.position)
        equal(all.archived.length, 2, 'markers')
        has(first, { stream: 'exam-1', version: 2, commits: 1, position: 3 }, 'the marker of the first stream')
        has(second, { stream: 'exam-2', version: 3, commits: 2, position: 6 }, 'the marker of the second stream')
        for (const { digest, archive, archivedAt } of all.archived) {
          check(typeof digest === 'string' && digest !== '' && typeof archive === 'string', 'a marker has a digest and names its archive')
          check(Number.isSafeInteger(archivedAt) && archivedAt > 0, 'a marker says when')
        }
      }
      equal((await markers(one, 1_000, { follow: 'exam-2' })).archived.map(({ stream }) => stream), ['exam-2'], 'the markers of the streams that are followed')
      equal((await markers(one, 1_000, { follow: 'course' })).archived, [], 'the markers of the streams that are followed')
    },
  },
  {
    id: 'archive/none',
    says: 'a log of which nothing is archived has no markers, and its pages say none',
    async run({ log, archive }) {
      if (!archive) throw new NotTried('the suite was not told how to archive: see `archive`')
      const one = log()
      await one.push([commit('course-1')])
      equal((await one.pull()).archived, undefined, 'what a page says of markers')
      equal((await markers(one)).archived, [], 'the markers')
    },
  },
  {
    id: 'archive/in-step',
    says: 'who has passed what is gone goes on from where it stands, and learns of the markers',
    async run(on) {
      const { one, before, commits } = await archived(on)
      const { cursor } = await markers(one)
      const page = await one.pull(before[3].cursor)
      equal([names(page), page.archived], [[commits[4].id], cursor], 'the page of a reader that stands behind what is gone')
      problem(await one.ask(query({ after: before[0].cursor })), 410, 'archived', 'a pull from before what is gone')
      problem(await one.ask(query({ after: before[2].cursor })), 410, 'archived', 'a pull from amid a stream that is gone')
      equal(names(one.page(await one.ask(query({ after: before[0].cursor, follow: 'course' })))), [commits[4].id], 'the page of a reader that follows other streams')
    },
  },
  {
    id: 'archive/push',
    says: 'a stream that is archived takes no more, and a commit that it had is a duplicate as ever',
    async run(on) {
      const { one, commits, end } = await archived(on)
      for (const expectedVersion of ['any', 0, 2]) {
        const late = [commit('exam-1', { expectedVersion }), commit('course-1'), commit('exam-1', { expectedVersion: 3 })]
        const outcomes = await one.push(late, { cursor: end })
        has(outcomes[0], { status: 'rejected' }, `a commit for a stream that is archived, expecting ${expectedVersion}`)
        equal(outcomes[0].problem?.type, 'urn:tidelog:problem:stream-archived', 'its problem')
        equal(outcomes[0].problem.marker?.stream, 'exam-1', 'the marker in its problem')
        has(outcomes[1], { status: 'committed' }, 'a commit for another stream of the same push')
        has(outcomes[2], { status: 'blocked', by: late[0].id }, 'the commit behind it')
      }
      const [again] = await one.push([commits[1]])
      has(again, { status: 'duplicate', firstPosition: 2, firstVersion: 1 }, 'a commit that the stream had')
    },
  },
  {
    id: 'archive/news',
    says: 'news that would hold archived events are 410 as a pull is',
    async run(on) {
      const { one, commits } = await archived(on)
      problem(await one.ask(query({ after: '', wait: '1' })), 410, 'archived', 'an answer that waits')
      problem(await one.news('?after='), 410, 'archived', 'a stream of news')
      const { cursor } = await markers(one)
      await stream(one, query({ after: '', archived: cursor }), {}, async (next) => {
        const held = []
        while (held.length < 2) held.push(...((await next()).data.commits ?? []))
        equal(names({ commits: held }), [commits[0].id, commits[4].id], 'what is left')
      })
    },
  },
  {
    id: 'archive/later',
    says: 'markers that come later stand behind those that are held',
    async run(on) {
      const { one, commits } = await archived(on)
      const first = await markers(one)
      await one.push([commit('note-1')])
      await on.archive(one.name, 9)
      const answer = await one.markers(query({ after: first.cursor }))
      // the stream course-1 rests now too
      equal(answer.json?.archived?.map(({ stream }) => stream).sort(), ['course-1', 'note-1'], 'the markers behind those that are held')
      problem(await one.ask(query({ after: '', archived: first.cursor })), 410, 'archived', 'a pull that holds the older markers')
      const page = one.page(await one.ask(query({ after: '', archived: answer.json.cursor })))
      equal([page.commits, page.upToDate], [[], true], 'what is left')
      const [again] = await one.push([commits[4]])
      has(again, { status: 'duplicate' }, 'a commit that is gone')
      const outcomes = await one.push([commit('lesson-1')])
      has(outcomes[0], { status: 'committed', firstPosition: 9 }, 'the position of what comes next')
      problem(await one.send(push([commit('course-2')], { cursor: 'nonsense' })), 400, 'invalid-cursor', 'a push with nonsense as its cursor')
    },
  },
]
