/** Every link from one page of the repository to another leads somewhere. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { inRepository } from './places.js'

const markdown = (folder) => readdirSync(inRepository(folder)).filter((file) => file.endsWith('.md')).map((file) => join(folder, file))
const folders = ['.', 'pkg', 'docs', 'docs/guide', 'examples', ...readdirSync(inRepository('examples'), { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => `examples/${name}`)]

for (const page of folders.flatMap(markdown)) {
  test(`the links of ${page}`, () => {
    const text = readFileSync(inRepository(page), 'utf8')
    // The heading of a link within the repository has to be there too.
    for (const [, target, , heading] of text.matchAll(/\]\((?!\w+:)([^)\s#]*)(#([^)\s]+))?\)/g)) {
      const file = target === '' ? page : join(dirname(page), target)
      assert.ok(existsSync(inRepository(file)), `${page} links ${target}, which is not there`)
      if (heading) assert.ok(headings(file).includes(heading), `${page} links ${target}#${heading}, and there is no such heading`)
    }
  })
}

/** The anchors that a forge makes of a page's headings. */
function headings(file) {
  const lines = readFileSync(inRepository(file), 'utf8').split('\n').filter((line) => /^#+ /.test(line))
  return lines.map((line) => line.replace(/^#+ /, '').toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').trim().replaceAll(' ', '-'))
}
