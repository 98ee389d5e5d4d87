/** Servers with one mistake each: the suite finds every one of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conformance } from '../src/suite.js'
import { folderFor, own, TOKEN } from './servers.js'

/** A mistake: the file, what it holds, what it would hold, and the rules of which one must notice. */
const mistakes = {
  'the version is not checked': ['log.js', "if (!met(expectedVersion, version)) {", 'if (!met(expectedVersion, version) && false) {', /^outcome\/expected-versions$/],
  'a commit that is known is written again': ['log.js', 'if (first) return', 'if (first && here.has(id)) return', /^push\/again$/],
  'a commit is known by its id only within a push': ['log.js', 'this.#byId.get(id) ?? here.get(id)', 'this.#byId.get(id)', /^outcome\/the-same-id/],
  'event ids are not looked at': ['log.js', 'this.#events.has(event.id) || taken.has(event.id)', 'taken.has(event.id)', /^outcome\/duplicate-event$/],
  'what builds on a refused commit is not held back': ['log.js', "if (root) return refuse(root, { status: 'blocked', by: root })", '', /^outcome\/blocked/],
  'the root of what is blocked is the one before': ['log.js', "if (root) return refuse(root, {", 'if (root) return refuse(id, {', /^outcome\/blocked-by-cause$/],
  'a refused commit refuses the push': ['log.js', 'if (confirmed.length > 0 || (producer && !same))', "if ((confirmed.length > 0 && outcomes.every(({ status }) => status !== 'conflict')) || (producer && !same))", /^outcome\/others-go-on$/],
  'positions begin at 0': ['log.js', 'firstPosition: end + 1, recordedAt', 'firstPosition: end, recordedAt', /^push\/committed$/],
  'a page cuts where the limit is passed': ['log.js', 'if (commits.length > 0 && (events > limit', 'if (commits.length > 0 && (events > limit + 1', /^pull\/limit$/],
  'a page may be as large as it likes': ['log.js', '|| size > 4 << 20', '', /^pull\/bytes$/],
  'a conflict brings all that is missing': ['log.js', 'if (events > 64 || size > 1 << 18) break', '', /^outcome\/missing-is-bounded$/],
  'numbers are read and written again': ['json.js', 'return new Raw(text.slice(start, at))', 'return new Raw(JSON.stringify(JSON.parse(text.slice(start, at))))', /^pull\/text-as-it-came$/],
  'a cursor is a number': ['log.js', '`${digest(id, 16)}-${String(last?.end ?? 0)', '`${digest(id, 16)}-${String((last?.end ?? 0) % 10).replace(/0$/, last ? "10" : "0")', /^cursor\//],
  'any cursor of the right form is taken': ['log.js', "if (of !== digest(this.#id, 16)) throw", "if (of === undefined) throw", /^cursor\/not-one$/],
  'a cursor does not tell histories apart': ['log.js', '${last.commit.id} ${last.recordedAt}', '${last.commit.id}', /^history\/restored$/],
  'the cursor of a push is not looked at': ['log.js', 'if (cursor !== undefined) this.#find(cursor)', '', /^history\//],
  'a copied device is not found out': ['log.js', 'producer.sequence <= last.sequence', 'producer.sequence < last.sequence', /^producer\/a-copy$/],
  'the same push again is fenced': ['log.js', 'if (last && !same && (', 'if (last && (', /^producer\/the-same/],
  'a push that is fenced is written': ['log.js', "throw new Refused(409, 'fenced', 'another device pushes under this id')", "queueMicrotask(() => this.push(commits, outlines))\n      throw new Refused(409, 'fenced', 'another device pushes under this id')", /^producer\/a-copy$/],
  'tokens are not looked at': ['main.js', 'if (token === undefined) return', 'return', /^access\//],
  'any version of the protocol is taken in a pull': ['main.js', "if (!spoken.includes(version))", 'if (version < 1)', /^version\/pull$/],
  'the versions that are spoken are not said': ['main.js', 'supported: spoken', 'supported: []', /^version\/push$/],
  'a commit too many is taken': ['main.js', 'if (commits.length > 1_000)', 'if (commits.length > 1_001)', /^push\/too-many$/],
  'unknown fields are kept': ['commit.js', '    stream,\n    expectedVersion,', '    stream,\n    colour: json.colour,\n    expectedVersion,', /^pull\/unknown-fields$/],
  'a stream may be longer': ['commit.js', "text(json.stream, 'stream', 512)", "text(json.stream, 'stream', 600)", /^bound\/a-stream-of-513/],
  'what is not followed is sent': ['log.js', 'if (!follows(one.commit.stream)) continue', '', /^follow\/pull$/],
  'the cursor stands where the last commit was followed': ['log.js', 'if (!follows(one.commit.stream)) continue', 'if (!this.#commits.slice(next).some(({ commit }) => follows(commit.stream))) break\n      if (!follows(one.commit.stream)) continue', /^follow\/pull$/],
  'an aggregate is the beginning of a name': ['main.js', 'stream.startsWith(`${rule}-`)', 'stream.startsWith(rule)', /^follow\/pull$/],
  'a commit that is not followed ends the wait': ['main.js', 'page.commits.length > 0 || Date.now() >= until', 'true', /^follow\/wait$/],
  'an answer that waits does not wake': ['log.js', 'if (confirmed.length > 0) for (const wake of this.#waiting) wake()', '', /^news\/wait$/],
}

for (const [what, [file, from, to, only]] of Object.entries(mistakes)) {
  test(what, { timeout: 120_000 }, async (test) => {
    const server = await own(folderFor(test), (replace) => replace(file, from, to))
    test.after(() => server.stop())
    const results = []
    for await (const one of conformance({ ...server, token: TOKEN, only })) results.push(one)
    const broken = results.find(({ result }) => result === 'broken')
    assert.ok(broken, `no rule of ${only} notices: ${JSON.stringify(results)}`)
    assert.ok(!results.some(({ result }) => result === 'failed'), JSON.stringify(results))
    test.diagnostic(`${broken.id}: ${broken.why.slice(0, 160)}`)
  })
}
