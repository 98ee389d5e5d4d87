/** Following some streams of a log: pages, streams of news and answers that wait hold their commits and no others. */
import { check, equal, problem } from '../check.js'
import { commit } from '../sample.js'
import { stream } from './news.js'

/** What is pushed, in this order, and which rules name it. */
const streams = ['course-1', 'exam-ada-1', 'course-10', 'exam-bob-1', 'courses-1', 'course-1', 'note-ä b']
const cases = [
  [['course-1'], ['course-1', 'course-1']],
  [['course'], ['course-1', 'course-10', 'course-1']],
  [['exam-ada-*', 'courses-1'], ['exam-ada-1', 'courses-1']],
  [['exam-*', 'exam-ada-1', 'note-ä b'], ['exam-ada-1', 'exam-bob-1', 'note-ä b']],
  [['*'], streams],
  [['nothing-1'], []],
  [[''], []],
]

const query = (rules) => rules.map((rule) => `&follow=${encodeURIComponent(rule)}`).join('')

export const follow = [
  {
    id: 'follow/pull',
    says: 'a pull that names streams brings their commits and no others, and its cursor stands behind all of them',
    async run({ log }) {
      const one = log()
      await one.push(streams.map((stream) => commit(stream)))
      const all = await one.pull()
      for (const [rules, expected] of cases) {
        for (const limit of [1_000, 1]) {
          const commits = []
          let page
          for (let after = ''; ; after = page.cursor) {
            page = one.page(await one.ask(`?after=${encodeURIComponent(after)}&limit=${limit}${query(rules)}`))
            commits.push(...page.commits)
            if (page.upToDate) break
            check(page.cursor > after, `a page that is not upToDate leads on (${JSON.stringify(rules)})`)
          }
          equal(commits.map(({ commit }) => commit.stream), expected, `the streams that ${JSON.stringify(rules)} names`)
          const same = all.commits.filter(({ commit }) => expected.includes(commit.stream))
          equal(commits, same, 'versions, positions and all else of the commits')
          equal(page.cursor, all.cursor, `the last cursor of ${JSON.stringify(rules)} is that of the whole log`)
        }
      }
    },
  },
  {
    id: 'follow/no-rule',
    says: 'a rule that is none is refused, and so are more than 256',
    async run({ log }) {
      const one = log()
      for (const rule of ['a*b', '-1', 'course-', 'x\n-1', 'x'.repeat(513)]) problem(await one.ask(`?follow=${encodeURIComponent(rule)}`), 400, 'invalid-request', `${JSON.stringify(rule)} as a rule`)
      const many = (count) => Array.from({ length: count }, (_, index) => `&follow=a-${index}`).join('')
      problem(await one.ask(`?${many(257)}`), 400, 'invalid-request', '257 rules')
      equal((await one.ask(`?${many(256)}`)).status, 200, 'the status with 256 rules')
    },
  },
  {
    id: 'follow/stream',
    says: 'a stream of news holds the commits of the streams that it names',
    async run({ log }) {
      const one = log()
      await one.push(streams.map((stream) => commit(stream)))
      await stream(one, '?limit=1&follow=exam&follow=note-1', {}, async (next) => {
        await next()
        const commits = []
        while (commits.length < 2) commits.push(...((await next()).data.commits ?? []))
        await one.push(['course-1', 'note-1'].map((stream) => commit(stream)))
        while (commits.length < 3) commits.push(...((await next()).data.commits ?? []))
        equal(commits.map(({ commit }) => commit.stream), ['exam-ada-1', 'exam-bob-1', 'note-1'], 'the streams of what comes')
      })
    },
  },
  {
    id: 'follow/wait',
    says: 'an answer that waits is not ended by a commit of another stream',
    async run({ log }) {
      const one = log()
      const { cursor } = await one.pull()
      const answer = one.ask(`?after=${encodeURIComponent(cursor)}&wait=20&follow=course`)
      await one.push([commit('exam-1')])
      await one.push([commit('course-1')])
      equal(one.page(await answer).commits.map(({ commit }) => commit.stream), ['course-1'], 'the streams of the answer')
    },
  },
]
