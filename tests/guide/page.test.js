/** How a page becomes a module. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blocksOf, modulesOf } from './page.js'

const page = (...lines) => lines.join('\n')

test('every line of code stands where it stands in the page', () => {
  const { run, checked, blocks, runs } = modulesOf(page('# Title', '', '```ts', 'const a = 1', '```', 'text', '```ts', 'assert.equal(a, 1)', '```'))
  assert.equal(run.split('\n')[3], 'const a = 1')
  assert.equal(run.split('\n')[7], 'assert.equal(a, 1)')
  assert.equal(checked.split('\n')[7], 'assert.equal(a, 1)')
  assert.match(run.split('\n')[0], /^import assert from 'node:assert\/strict';$/)
  assert.deepEqual([blocks, runs], [2, 2])
})

test('a block that is not run is checked in a scope of its own', () => {
  const { run, checked, runs } = modulesOf(page('', '```ts no-run', "import { open } from 'tidelog'", 'await open()', '```'))
  assert.ok(!run.includes('open'))
  assert.equal(checked.split('\n')[1], "import { open } from 'tidelog'; ;(async () => {")
  assert.equal(checked.split('\n')[2], '')
  assert.equal(checked.split('\n')[4], '});')
  assert.equal(runs, 0)
})

test('an import may be repeated, over several lines too', () => {
  const { run } = modulesOf(page('', '```ts', "import { a, type B } from 'x'", '```', '```ts', 'import {', '  a,', '  c as d,', "} from 'x'", "import assert from 'node:assert/strict'", 'last()', '```'))
  assert.equal(run.split('\n')[1], "import { a, type B } from 'x';")
  assert.equal(run.split('\n')[4], "import { c as d } from 'x';import assert from 'node:assert/strict';")
  assert.equal(run.split('\n')[10], 'last()')
  assert.equal(run.split('\n')[0], '')
})

test('an import that only an earlier unrun block made is there for a later one', () => {
  const { run } = modulesOf(page('', '```ts no-run', "import { a } from 'x'", '```', '```ts', "import { a } from 'x'", 'a()', '```'))
  assert.ok(run.includes("import { a } from 'x'"), run)
})

test('blocks of other languages are left alone, and what they quote too', () => {
  assert.deepEqual(blocksOf(page('````md', '```ts', 'no()', '```', '````', '```sh', 'ls', '```')).map(({ language }) => language), ['md', 'sh'])
  assert.equal(modulesOf(page('```sh', 'ls', '```')).blocks, 0)
})

test('a word that nobody knows is refused with its line', () => {
  assert.throws(() => modulesOf(page('', '```ts norun', '```')), /line 2: a block is `ts` or `ts no-run`, not `ts norun`/)
  assert.throws(() => modulesOf(page('', '```typescript', '```')), /line 2/)
  assert.throws(() => modulesOf(page('', '```ts', 'a')), /line 2: this block of code has no end/)
})
