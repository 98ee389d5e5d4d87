/** How the commits of a push are judged, one by one. */
import { check, equal, has } from '../check.js'
import { commit, commitOf, event, uuid } from '../sample.js'

const statuses = (outcomes) => outcomes.map(({ status }) => status)
/** 2 MiB of events in all would be too much to bring along. */
const large = () => event({ data: 'x'.repeat(700_000) })

export const outcomes = [
  {
    id: 'outcome/expected-versions',
    says: 'a number, "none", "exists" and "any" say what the version has to be',
    async run({ log }) {
      const one = log()
      await one.push([commitOf(2, 'course-here')])
      const met = async (stream, expectedVersion) => {
        const [outcome] = await one.push([commit(stream, { expectedVersion, events: [event()] })])
        return outcome.status
      }
      for (const [stream, expectedVersion, status] of [
        ['course-a', 1, 'conflict'],
        ['course-a', 'exists', 'conflict'],
        ['course-a', 'none', 'committed'],
        ['course-b', 0, 'committed'],
        ['course-c', 'any', 'committed'],
        ['course-here', 'none', 'conflict'],
        ['course-here', 0, 'conflict'],
        ['course-here', 1, 'conflict'],
        ['course-here', 3, 'conflict'],
        ['course-here', 'exists', 'committed'],
        ['course-here', 3, 'committed'],
        ['course-here', 'any', 'committed'],
      ]) {
        equal(await met(stream, expectedVersion), status, `expecting ${expectedVersion} of ${stream}`)
      }
    },
  },
  {
    id: 'outcome/conflict',
    says: 'a conflict says what was expected and where the stream is, brings the commits beyond, and writes nothing',
    async run({ log }) {
      const one = log()
      const known = commit('course-1', { expectedVersion: 0 })
      const beyond = [commitOf(2, 'course-1', { expectedVersion: 1 }), commit('course-1', { expectedVersion: 3 })]
      await one.push([known, ...beyond, commit('course-2')])
      const [outcome] = await one.push([commit('course-1', { expectedVersion: 1, generation: 4 })])
      has(outcome, { status: 'conflict', generation: 4, expected: 1, actual: 4 }, 'the outcome')
      equal(outcome.missing?.map(({ commit, firstVersion, firstPosition }) => [commit.id, firstVersion, firstPosition]), [[beyond[0].id, 2, 2], [beyond[1].id, 4, 4]], 'what is missing')
      equal(outcome.missing, (await one.whole()).slice(1, 3), 'what is missing, beside what a pull brings')
      equal((await one.whole()).length, 4, 'commits in the log')
    },
  },
  {
    id: 'outcome/conflict-without-missing',
    says: 'where nothing is missing, or no exact version was expected, a conflict brings no commits',
    async run({ log }) {
      const one = log()
      await one.push([commit('course-1')])
      for (const [stream, expectedVersion] of [['course-1', 5], ['course-2', 'exists']]) {
        const [outcome] = await one.push([commit(stream, { expectedVersion })])
        equal([outcome.status, outcome.missing], ['conflict', undefined], `expecting ${expectedVersion} of ${stream}`)
      }
    },
  },
  {
    id: 'outcome/missing-is-bounded',
    says: 'a conflict brings at most 64 events in whole commits from the first one on, and a push about 1 MiB',
    async run({ log }) {
      const one = log()
      await one.push(Array.from({ length: 40 }, () => commitOf(3, 'course-1')))
      const [{ missing = [] }] = await one.push([commit('course-1', { expectedVersion: 0 })])
      const count = missing.reduce((sum, { commit }) => sum + commit.events.length, 0)
      check(count <= 64, `${count} events are brought along`)
      let version = 1
      for (const { firstVersion, commit } of missing) {
        equal(firstVersion, version, 'the version of the next commit that is missing')
        version += commit.events.length
      }
      for (const stream of ['course-2', 'course-3']) await one.push([commit(stream, { events: [large()] }), commit(stream, { events: [large()] })])
      const answer = await one.push(['course-2', 'course-3'].map((stream) => commit(stream, { expectedVersion: 0 })))
      check(JSON.stringify(answer).length < 1_600_000, `the answer to a push holds ${JSON.stringify(answer).length} bytes`)
    },
  },
  {
    id: 'outcome/others-go-on',
    says: 'a commit that is refused holds back only what builds on it',
    async run({ log }) {
      const one = log()
      await one.push([commit('course-1')])
      const commits = [commit('course-1', { expectedVersion: 0 }), commit('course-2', { expectedVersion: 0 }), commit('course-3', { stream: 'nostream' }), commit('course-4')]
      equal(statuses(await one.push(commits)), ['conflict', 'committed', 'rejected', 'committed'], 'the outcomes')
      equal((await one.whole()).map(({ commit }) => commit.id).slice(1), [commits[1].id, commits[3].id], 'commits in the log')
    },
  },
  {
    id: 'outcome/blocked-by-stream',
    says: 'what comes later in the stream of a refused commit is blocked, whatever version it expects',
    async run({ log }) {
      const one = log()
      await one.push([commit('course-1')])
      const refused = commit('course-1', { expectedVersion: 0 })
      const result = await one.push([refused, commit('course-1', { expectedVersion: 1 }), commit('course-1', { expectedVersion: 'any' })])
      equal(result.map(({ status, by }) => [status, by]), [['conflict', undefined], ['blocked', refused.id], ['blocked', refused.id]], 'the outcomes')
    },
  },
  {
    id: 'outcome/blocked-by-cause',
    says: 'what a refused commit or one of its events has caused is blocked, and what that has caused; `by` names the root',
    async run({ log }) {
      const one = log()
      await one.push([commit('course-1')])
      const refused = commit('course-1', { expectedVersion: 0 })
      const byCommit = commit('report-1', { metadata: { causationId: refused.id } })
      const byEvent = commit('report-2', { metadata: { causationId: refused.events[0].id } })
      const further = commit('report-3', { metadata: { causationId: byEvent.events[0].id } })
      const behind = commit('report-1')
      const free = commit('report-4', { metadata: { causationId: uuid() } })
      const result = await one.push([refused, byCommit, byEvent, further, behind, free])
      const root = refused.id
      equal(result.map(({ status, by }) => [status, by]), [['conflict', undefined], ['blocked', root], ['blocked', root], ['blocked', root], ['blocked', root], ['committed', undefined]], 'the outcomes')
    },
  },
  {
    id: 'outcome/duplicate-whatever-it-says',
    says: 'a commit is known by its id: another content, stream or generation under it is a duplicate of the first',
    async run({ log }) {
      const one = log()
      const first = commit('course-1')
      await one.push([first])
      for (const again of [
        { ...first, generation: 3, events: [event()] },
        { ...first, expectedVersion: 0, events: [event(), event()] },
        { ...commit('course-2'), id: first.id },
      ]) {
        const [outcome] = await one.push([again])
        has(outcome, { status: 'duplicate', generation: again.generation, firstVersion: 1, firstPosition: 1 }, 'the outcome')
      }
      equal((await one.whole()).map(({ commit }) => [commit.id, commit.events[0].id]), [[first.id, first.events[0].id]], 'the log')
    },
  },
  {
    id: 'outcome/the-same-id-twice-in-a-push',
    says: 'the second of two commits with one id is a duplicate if the first was accepted, and blocked if not',
    async run({ log }) {
      const one = log()
      const first = commit('course-1')
      equal(statuses(await one.push([first, { ...commit('course-2'), id: first.id }])), ['committed', 'duplicate'], 'after one that is accepted')
      const refused = commit('course-1', { expectedVersion: 9 })
      const result = await one.push([refused, { ...commit('course-3'), id: refused.id }])
      equal(result.map(({ status, by }) => [status, by]), [['conflict', undefined], ['blocked', refused.id]], 'after one that is refused')
    },
  },
  {
    id: 'outcome/duplicate-event',
    says: 'an event id is taken once in a log: in the log, in the same push, in the same commit',
    async run({ log }) {
      const one = log()
      const taken = event()
      await one.push([commit('course-1', { events: [taken] })])
      const twice = event()
      const inPush = event()
      for (const [what, commits, last] of [
        ['an id that stands in the log', [commit('course-2', { events: [event(), { ...taken }] })], ['rejected', 'duplicate-event']],
        ['an id of the same push', [commit('course-3', { events: [inPush] }), commit('course-4', { events: [{ ...inPush }] })], ['rejected', 'duplicate-event']],
      ]) {
        const outcome = (await one.push(commits)).at(-1)
        equal([outcome.status, outcome.problem?.type], [last[0], `urn:tidelog:problem:${last[1]}`], what)
        check(outcome.problem.status === undefined, 'a problem within an outcome has no status')
      }
      const [outcome] = await one.push([commit('course-5', { events: [twice, { ...twice }] })])
      equal(outcome.status, 'rejected', 'an id twice in one commit')
      equal((await one.whole()).length, 2, 'commits in the log')
    },
  },
]
