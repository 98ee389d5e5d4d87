/** What becomes of a push as a whole. */
import { check, equal, has, problem } from '../check.js'
import { commit, commitOf, event, push, uuid } from '../sample.js'

/** Nothing of the push may be in the log. */
async function nothingWritten(log) {
  equal((await log.whole()).length, 0, 'commits in the log after a push that was refused')
}

export const pushes = [
  {
    id: 'push/committed',
    says: 'a commit that fits is committed, with the version and position of its first event; the others follow without a gap',
    async run({ log }) {
      const one = log()
      const [first] = await one.push([commitOf(3, 'course-1', { expectedVersion: 0 })])
      has(first, { status: 'committed', generation: 0, firstVersion: 1, firstPosition: 1 }, 'the first commit')
      const [second, third] = await one.push([commit('course-2', { expectedVersion: 0 }), commit('course-1', { expectedVersion: 3 })])
      has(second, { status: 'committed', firstVersion: 1, firstPosition: 4 }, 'a commit for another stream')
      has(third, { status: 'committed', firstVersion: 4, firstPosition: 5 }, 'a commit behind it')
    },
  },
  {
    id: 'push/log-id',
    says: 'a log has one identity, told by every answer, and another log another',
    async run({ log }) {
      const one = log()
      const other = log()
      const { logId } = await one.pull()
      equal((await one.send(push([commit('course-1')]))).json.logId, logId, 'the logId of the answer to a push')
      equal((await one.pull()).logId, logId, 'the logId of a later page')
      check((await other.pull()).logId !== logId, 'two logs have the same logId')
    },
  },
  {
    id: 'push/on-top-of-each-other',
    says: 'the commits of a push are judged in order, each on top of those accepted before it',
    async run({ log }) {
      const outcomes = await log().push([commit('course-1', { expectedVersion: 'none' }), commit('course-1', { expectedVersion: 1 }), commit('course-1', { expectedVersion: 'exists' })])
      equal(outcomes.map(({ status, firstVersion }) => [status, firstVersion]), [['committed', 1], ['committed', 2], ['committed', 3]], 'the outcomes')
    },
  },
  {
    id: 'push/not-json',
    says: 'a body that is not the JSON of a push is answered 400, and nothing of it is written',
    async run({ log }) {
      const one = log()
      const good = commit('course-1')
      for (const [what, body] of [
        ['no JSON', '{"protocol":1,'],
        ['an array', []],
        ['no commits', { protocol: 1, deviceId: uuid() }],
        ['an empty list', push([])],
        ['a list that is none', push({})],
        ['a device that is no UUID', push([good], { deviceId: 'phone' })],
        ['a commit without a readable id among good ones', push([good, { ...commit('course-2'), id: 7 }])],
        ['a commit whose generation can not be repeated in an outcome', push([good, { ...commit('course-2'), generation: -1 }])],
        ['text that is not UTF-8', Buffer.concat([Buffer.from('{"protocol":1,"deviceId":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')])],
      ]) {
        const answer = Buffer.isBuffer(body)
          ? await one.server.request('POST', `/logs/${one.name}/commits`, { headers: { 'Content-Type': 'application/json' }, body })
          : await one.send(body)
        problem(answer, 400, 'invalid-request', what)
      }
      await nothingWritten(one)
    },
  },
  {
    id: 'push/too-many',
    says: 'more than 1,000 commits are answered 413; 1,000 are taken',
    async run({ log }) {
      const one = log()
      const commits = Array.from({ length: 1_001 }, (_, number) => commit(`course-${number}`))
      problem(await one.send(push(commits)), 413, 'too-large', '1,001 commits')
      await nothingWritten(one)
      const outcomes = await one.push(commits.slice(1))
      check(outcomes.every(({ status }) => status === 'committed'), 'not all of 1,000 commits are committed')
    },
  },
  {
    id: 'push/too-large',
    says: 'a body over the limit is answered 413, and nothing is written',
    async run({ log }) {
      const one = log()
      const commits = Array.from({ length: 20 }, (_, number) => commit(`course-${number}`, { events: [event({ data: 'x'.repeat(1_000_000) })] }))
      problem(await one.send(push(commits)), 413, 'too-large', 'a body of 20 MB')
      await nothingWritten(one)
    },
  },
  {
    id: 'push/again',
    says: 'pushing the same again, any number of times, changes nothing and tells where it stands',
    async run({ log }) {
      const one = log()
      const commits = [commitOf(2, 'course-1', { expectedVersion: 0 }), commit('course-1', { expectedVersion: 2 })]
      await one.push(commits)
      for (let time = 0; time < 3; time++) {
        const outcomes = await one.push(commits)
        equal(outcomes.map(({ status, firstVersion, firstPosition }) => [status, firstVersion, firstPosition]), [['duplicate', 1, 1], ['duplicate', 3, 3]], 'the outcomes')
      }
      equal((await one.whole()).length, 2, 'commits in the log')
    },
  },
]
