/** Devices that count their pushes, and copies of them that are found out. */
import { equal, problem } from '../check.js'
import { commit, push, uuid } from '../sample.js'

const from = (id, epoch, sequence) => ({ deviceId: id, producer: { id, epoch, sequence } })

/** Pushes that are taken, then one that is to be refused. */
async function refused(log, taken, late) {
  const id = uuid()
  for (const [epoch, sequence] of taken) await log.push([commit('course-1')], from(id, epoch, sequence))
  const before = (await log.whole()).length
  problem(await log.send(push([commit('course-1')], from(id, ...late))), 409, 'fenced', `epoch and sequence ${late} after ${JSON.stringify(taken)}`)
  equal((await log.whole()).length, before, 'commits in the log after a push that was fenced')
}

export const producers = [
  {
    id: 'producer/counts-on',
    says: 'higher sequences are taken, with gaps too, and a higher epoch that begins anew',
    async run({ log }) {
      const id = uuid()
      const one = log()
      for (const [epoch, sequence] of [[0, 1], [0, 2], [0, 7], [1, 0], [1, 1], [4, 0]]) {
        const [{ status }] = await one.push([commit('course-1')], from(id, epoch, sequence))
        equal(status, 'committed', `epoch ${epoch}, sequence ${sequence}`)
      }
    },
  },
  {
    id: 'producer/the-same-push-again',
    says: 'the same push once more is answered as ever',
    async run({ log }) {
      const one = log()
      const id = uuid()
      const commits = [commit('course-1', { expectedVersion: 0 }), commit('course-2', { expectedVersion: 5 })]
      const statuses = async () => (await one.push(commits, from(id, 0, 3))).map(({ status }) => status)
      equal(await statuses(), ['committed', 'conflict'], 'the first time')
      equal(await statuses(), ['duplicate', 'conflict'], 'the second time')
    },
  },
  {
    id: 'producer/a-copy',
    says: 'other commits under a sequence that was used, or an earlier one, are answered 409, and nothing is written',
    async run({ log }) {
      await refused(log(), [[0, 5]], [0, 5])
      await refused(log(), [[0, 5], [0, 6]], [0, 5])
      await refused(log(), [[0, 1], [1, 0]], [0, 9])
    },
  },
  {
    id: 'producer/each-for-itself',
    says: 'devices count for themselves, in each log for itself, and a push that does not count is accepted',
    async run({ log }) {
      const one = log()
      const id = uuid()
      await one.push([commit('course-1')], from(id, 2, 9))
      await one.push([commit('course-1')], from(uuid(), 0, 1))
      await one.push([commit('course-1')], { deviceId: id })
      await log().push([commit('course-1')], from(id, 0, 1))
      equal((await one.whole()).length, 3, 'commits in the log')
    },
  },
]
