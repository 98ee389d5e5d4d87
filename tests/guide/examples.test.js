/** Every example runs by its one command, prints what its page says, and fits the package's types. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { before, describe, test } from 'node:test'
import { blocksOf } from './page.js'
import { inRepository } from './places.js'
import { run } from './process.js'
import { complaints } from './types.js'

const examples = readdirSync(inRepository('examples'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(inRepository(`examples/${entry.name}/package.json`)))
  .map(({ name }) => `examples/${name}`)
const main = (example) => inRepository(`${example}/src/main.ts`)
const inRust = (example) => inRepository(`${example}/rust/main.ts`)

describe('the examples', () => {
  let typed
  before(() => (typed = complaints(examples.flatMap(sources))))

  for (const example of examples) {
    test(example, { timeout: 240_000 }, async () => {
      assert.ok(existsSync(main(example)), `${example}/src/main.ts is not there`)
      const said = sources(example).flatMap((file) => typed.get(file).map((text) => `${file}:${text}`))
      assert.equal(said.length, 0, `the types don't fit:\n${said.join('\n')}`)
      await runs(example, 'start')
    })
    if (!existsSync(inRust(example))) continue
    test(`${example}, in Rust`, { timeout: 240_000 }, async () => {
      assert.ok(existsSync(inRepository(`${example}/rust/wasm`)), 'its wasm is not there: run `cargo xtask build --only modules`')
      await runs(example, 'start:rust')
    })
  }
})

test('the page of the examples names every example', () => {
  const contents = readFileSync(inRepository('examples/README.md'), 'utf8')
  for (const example of examples) assert.ok(contents.includes(`](${example.slice('examples/'.length)}/README.md)`), `examples/README.md does not link ${example}`)
})

/** The example prints what its page says, in whichever language. */
async function runs(example, script) {
  const { code, stdout, stderr } = await run('npm', ['run', '--silent', script], { cwd: inRepository(example) })
  assert.equal(code, 0, `${example} ended with ${code}\n${stderr}${stdout}`)
  assert.equal(stdout, printed(example), `${example} prints something else than its README says`)
}

/** The TypeScript of an example. */
function sources(example) {
  const folder = inRepository(`${example}/src`)
  const files = readdirSync(folder).filter((file) => file.endsWith('.ts')).map((file) => `${folder}/${file}`)
  return existsSync(inRust(example)) ? [...files, inRust(example)] : files
}

/** What the example prints, by its README: the block marked `text`. */
function printed(example) {
  const page = readFileSync(inRepository(`${example}/README.md`), 'utf8')
  const block = blocksOf(page).find(({ language }) => language === 'text')
  assert.ok(block, `${example}/README.md has no block \`text\` with what the example prints`)
  return `${page.split('\n').slice(block.first - 1, block.last).join('\n')}\n`
}
