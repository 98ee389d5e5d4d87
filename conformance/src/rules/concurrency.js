/** What holds when many push at once. */
import { check, equal } from '../check.js'
import { commit, commitOf } from '../sample.js'

export const concurrency = [
  {
    id: 'concurrency/one-wins',
    says: 'of many pushes that expect the same version at the same time, one is committed and the others are in conflict',
    async run({ log }) {
      const one = log()
      for (let round = 0; round < 3; round++) {
        const pushes = Array.from({ length: 16 }, () => one.push([commit(`course-${round}`, { expectedVersion: 0 })]))
        const statuses = (await Promise.all(pushes)).map(([{ status }]) => status).sort()
        equal(statuses, ['committed', ...Array(15).fill('conflict')], 'the outcomes')
      }
      equal((await one.whole()).length, 3, 'commits in the log')
    },
  },
  {
    id: 'concurrency/the-same-at-once',
    says: 'the same push many times at once is written once',
    async run({ log }) {
      const one = log()
      const commits = [commit('course-1', { expectedVersion: 0 }), commit('course-2')]
      const outcomes = (await Promise.all(Array.from({ length: 12 }, () => one.push(commits)))).flat()
      equal(outcomes.filter(({ status }) => status === 'committed').length, 2, 'committed outcomes')
      equal(outcomes.filter(({ status }) => status === 'duplicate').length, 22, 'duplicate outcomes')
      equal((await one.whole()).length, 2, 'commits in the log')
    },
  },
  {
    id: 'concurrency/a-reader-misses-nothing',
    says: 'a reader that follows the cursors while others push sees every commit once, and positions and versions without a gap',
    async run({ log }) {
      const one = log()
      const writers = Array.from({ length: 6 }, async (_, writer) => {
        for (let round = 0; round < 12; round++) {
          const outcomes = await one.push([commitOf(1 + (round % 3), `course-${writer}`), commit('shared-1')])
          check(outcomes.every(({ status }) => status === 'committed'), 'a commit that expects any version is not committed')
        }
      })
      let writing = true
      const done = Promise.all(writers).finally(() => (writing = false))
      const seen = []
      let cursor = ''
      for (let more = true; more; ) {
        more = writing
        const page = await one.pull(cursor, 5)
        seen.push(...page.commits)
        cursor = page.cursor
        more ||= !page.upToDate
      }
      await done
      equal(seen.length, 6 * 12 * 2, 'commits that the reader saw')
      const versions = new Map()
      let position = 1
      for (const { firstPosition, firstVersion, commit } of seen) {
        equal(firstPosition, position, 'the position of the next commit')
        equal(firstVersion, (versions.get(commit.stream) ?? 0) + 1, `the version of the next commit of ${commit.stream}`)
        position += commit.events.length
        versions.set(commit.stream, firstVersion + commit.events.length - 1)
      }
    },
  },
]
