/** Every block of TypeScript in the READMEs and the guide does what it says: type-checked, and run against the built package in memory. */
import { transform } from 'esbuild'
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { before, describe, test } from 'node:test'
import { modulesOf } from './page.js'
import { inRepository } from './places.js'
import { run } from './process.js'
import { complaints } from './types.js'

const guide = readdirSync(inRepository('docs/guide')).filter((file) => /^\d\d-.*\.md$/.test(file)).map((file) => `docs/guide/${file}`)
const pages = ['README.md', 'pkg/README.md', ...guide]
const build = inRepository('tests/guide/build')
const fileOf = (page) => `${build}/${page}.ts`

describe('what the pages show', () => {
  const modules = new Map()
  let typed
  before(() => {
    assert.ok(existsSync(inRepository('pkg/dist/index.d.ts')), 'the package is not built: `cargo xtask build --only package`')
    rmSync(build, { recursive: true, force: true })
    for (const page of pages) {
      let made
      try {
        made = modulesOf(readFileSync(inRepository(page), 'utf8'))
      } catch (error) {
        throw new Error(`${page}: ${error.message}`, { cause: error })
      }
      modules.set(page, made)
      mkdirSync(dirname(fileOf(page)), { recursive: true })
      writeFileSync(fileOf(page), made.checked)
    }
    typed = complaints(pages.map(fileOf))
  })

  for (const page of pages) {
    test(page, { timeout: 240_000 }, async () => {
      const { run: source, blocks, runs } = modules.get(page)
      assert.ok(blocks > 0 || !guide.includes(page), `${page} shows no code: what a feature does is best seen at work`)
      const said = typed.get(fileOf(page)).map((text) => `${page}:${text}`)
      assert.equal(said.length, 0, `the types don't fit:\n${said.join('\n')}`)
      if (runs === 0) return
      const file = `${build}/${page}.js`
      const { code } = await transform(source, { loader: 'ts', format: 'esm', target: 'es2022', sourcemap: 'inline', sourcefile: inRepository(page) })
      writeFileSync(file, code)
      const ended = await run(process.execPath, ['--enable-source-maps', file], { cwd: build })
      const line = new RegExp(`${page.replaceAll('.', '\\.')}:(\\d+)`).exec(ended.stderr)
      assert.equal(ended.code, 0, `${page}${line ? `, line ${line[1]}` : ''}: ended with ${ended.code}\n${ended.stderr}${ended.stdout}`)
    })
  }
})

test('the contents of the guide name every page', () => {
  const contents = readFileSync(inRepository('docs/guide/README.md'), 'utf8')
  for (const page of guide) assert.ok(contents.includes(`](${page.slice('docs/guide/'.length)})`), `docs/guide/README.md does not link ${page}`)
})
