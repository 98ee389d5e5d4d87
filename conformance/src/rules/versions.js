/** Versions of the protocol: which the server speaks, and what it says to those that it does not. */
import { check, equal, problem } from '../check.js'
import { commit, push } from '../sample.js'

/** A version that no server speaks. */
const unknown = 999

/** The versions in `supported` of a problem, looked at as every client does. */
function supported(answer, what) {
  problem(answer, 400, 'unsupported-protocol', what)
  const versions = answer.json.supported
  check(Array.isArray(versions) && versions.length > 0 && versions.every((version) => Number.isInteger(version) && version > 0), `${what}: supported is no list of versions`)
  check(!versions.includes(unknown), `${what}: supported names the version that was refused`)
  return versions
}

export const versions = [
  {
    id: 'version/about',
    says: '`GET /logs/{log}` says which versions of the protocol the server speaks, its limits and what it offers',
    async run({ server, log }) {
      const answer = await server.request('GET', `/logs/${log().name}`)
      equal(answer.status, 200, 'the status')
      const { protocols, limits, features } = answer.json ?? {}
      check(Array.isArray(protocols) && protocols.includes(1), 'protocols does not name 1')
      for (const limit of ['pushBytes', 'pushCommits', 'pageEvents']) check(Number.isInteger(limits?.[limit]) && limits[limit] > 0, `limits.${limit} is no positive integer`)
      check(Array.isArray(features) && features.every((feature) => typeof feature === 'string'), 'features is no list of texts')
    },
  },
  {
    id: 'version/push',
    says: 'a push of a version that the server does not speak is answered 400 with those that it does, and nothing is written',
    async run({ log }) {
      const one = log()
      check(supported(await one.send(push([commit('course-1')], { protocol: unknown })), `protocol ${unknown}`).includes(1), 'supported does not name 1')
      equal((await one.whole()).length, 0, 'commits in the log')
    },
  },
  {
    id: 'version/push-of-another-shape',
    says: 'the same for a push of which nothing but the version can be read',
    async run({ log }) {
      supported(await log().send({ protocol: unknown, batches: [] }), 'a push of another shape')
    },
  },
  {
    id: 'version/pull',
    says: 'a pull may name its version; one that the server does not speak is answered 400 with those that it does',
    async run({ log }) {
      const one = log()
      one.page(await one.ask('?protocol=1'))
      supported(await one.ask(`?protocol=${unknown}`), `a pull with protocol=${unknown}`)
      problem(await one.ask('?protocol=one'), 400, 'invalid-request', 'a pull with protocol=one')
    },
  },
]
