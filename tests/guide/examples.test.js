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
/** Those with rules in Rust: each drives a wasm module of its own. */
const inRust = readdirSync(inRepository('examples'))
  .map((name) => `examples/${name}/rust`)
  .filter((folder) => existsSync(inRepository(`${folder}/package.json`)))

describe('the examples', () => {
  let typed
  before(() => (typed = complaints(examples.flatMap(sources))))

  for (const example of examples) {
    test(example, { timeout: 240_000 }, async () => {
      assert.ok(existsSync(main(example)), `${example}/src/main.ts is not there`)
      const said = sources(example).flatMap((file) => typed.get(file).map((text) => `${file}:${text}`))
      assert.equal(said.length, 0, `the types don't fit:\n${said.join('\n')}`)
      await runs(example, example)
    })
  }
})

describe('the examples in Rust', () => {
  let typed
  before(() => (typed = complaints(inRust.map((folder) => inRepository(`${folder}/main.ts`)))))

  for (const folder of inRust) {
    test(folder, { timeout: 240_000 }, async () => {
      assert.ok(existsSync(inRepository(`${folder}/wasm`)), 'its wasm is not there: run `cargo xtask build --only modules`')
      assert.deepEqual(typed.get(inRepository(`${folder}/main.ts`)), [], "the types don't fit")
      // One that has no page of its own tells the story of the example.
      await runs(folder, existsSync(inRepository(`${folder}/README.md`)) ? folder : folder.slice(0, -'/rust'.length))
    })
  }
})

test('the page of the examples names every example', () => {
  const contents = readFileSync(inRepository('examples/README.md'), 'utf8')
  for (const example of examples) assert.ok(contents.includes(`](${example.slice('examples/'.length)}/README.md)`), `examples/README.md does not link ${example}`)
})

/** What is in `folder` runs by its one command, and prints what the page in `told` says. */
async function runs(folder, told) {
  const { code, stdout, stderr } = await run('npm', ['start', '--silent'], { cwd: inRepository(folder) })
  assert.equal(code, 0, `${folder} ended with ${code}\n${stderr}${stdout}`)
  assert.equal(stdout, printed(told), `${folder} prints something else than ${told}/README.md says`)
}

/** The TypeScript of an example. */
function sources(example) {
  const folder = inRepository(`${example}/src`)
  return readdirSync(folder).filter((file) => file.endsWith('.ts')).map((file) => `${folder}/${file}`)
}

/** What the example prints, by its README: the block marked `text`. */
function printed(example) {
  const page = readFileSync(inRepository(`${example}/README.md`), 'utf8')
  const block = blocksOf(page).find(({ language }) => language === 'text')
  assert.ok(block, `${example}/README.md has no block \`text\` with what the example prints`)
  return `${page.split('\n').slice(block.first - 1, block.last).join('\n')}\n`
}
