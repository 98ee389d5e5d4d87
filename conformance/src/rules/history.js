/** A push that says what it was decided on, and a server that was restored from a backup. */
import { check, equal, NotTried, problem } from '../check.js'
import { commit, push } from '../sample.js'

export const history = [
  {
    id: 'history/cursor-of-a-push',
    says: 'a push may say which cursor its device had reached: one of this log, or the beginning',
    async run({ log }) {
      const one = log()
      await one.push([commit('course-1')], { cursor: '' })
      const { cursor } = await one.pull()
      await one.push([commit('course-1')], { cursor })
      await one.push([commit('course-1')], { cursor })
      problem(await one.send(push([commit('course-1')], { cursor: 'nonsense' })), 400, 'invalid-cursor', 'a push with nonsense as its cursor')
      equal((await one.whole()).length, 3, 'commits in the log')
    },
  },
  {
    id: 'history/restored',
    says: 'after a restore, cursors and pushes from what was lost are answered 410, and those from before it go on',
    async run({ log, backup, restore }) {
      if (!backup || !restore) throw new NotTried('the suite was not told how to restore the server: see `backup` and `restore`')
      const one = log()
      const kept = commit('course-1', { expectedVersion: 0 })
      await one.push([kept])
      const before = await one.pull()
      await backup()
      const lost = [commit('course-1', { expectedVersion: 1 }), commit('course-2')]
      await one.push(lost)
      const after = await one.pull()
      await restore()

      const late = await one.ask(`?after=${encodeURIComponent(after.cursor)}`)
      problem(late, 410, 'history-lost', 'a cursor beyond the end')
      const other = commit('course-1', { expectedVersion: 1 })
      problem(await one.send(push([commit('course-3')], { cursor: after.cursor })), 410, 'history-lost', 'a push from beyond the end')
      const page = await one.pull(before.cursor)
      equal([page.commits, page.logId], [[], before.logId], 'the page after a cursor from before')

      // other commits, and then the lost ones again, where the cursor stood
      const outcomes = await one.push([other, { ...lost[1], generation: 1 }])
      check(outcomes.every(({ status }) => status === 'committed'), 'what was lost is not taken again')
      problem(await one.ask(`?after=${encodeURIComponent(after.cursor)}`), 410, 'history-lost', 'a cursor at whose position the same commit stands in another history')
      equal((await one.pull(before.cursor)).commits.map(({ commit }) => commit.id), [other.id, lost[1].id], 'what came after the restore')
    },
  },
]
