/** The Rust of the pages is run by `cargo test`, as doc tests: each page that has any must be named in src/guide.rs. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { blocksOf } from './page.js'
import { inRepository } from './places.js'

test('every page of the guide with Rust on it is a doc test', () => {
  const named = readFileSync(inRepository('src/guide.rs'), 'utf8')
  for (const page of readdirSync(inRepository('docs/guide')).filter((file) => file.endsWith('.md'))) {
    const rust = blocksOf(readFileSync(inRepository(`docs/guide/${page}`), 'utf8')).some(({ language }) => language.split(',')[0] === 'rust')
    if (rust) assert.ok(named.includes(`include_str!("../docs/guide/${page}")`), `src/guide.rs does not name docs/guide/${page}`)
  }
})
