/** The package without a bundler: its files as they are, on a page with a strict Content Security Policy. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBrowser } from '../kit/browser.js'
import { atEnd } from '../kit/ending.js'
import { inRepository } from '../kit/places.js'
import { scratch } from '../kit/scratch.js'
import { startSite } from '../kit/site.js'
import { total } from './total.js'

const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"

test('a plain script module runs under a strict policy, and a reload finds what it kept', async (test) => {
  const site = await startSite({
    folders: { '/plain/': inRepository('tests/e2e/package/plain') },
    headers: { 'Content-Security-Policy': policy },
  })
  atEnd(test, () => site.close())
  const browser = await startBrowser(scratch(test))
  atEnd(test, () => browser.close())
  const page = await browser.context.newPage()
  const violations = []
  page.on('console', (message) => /Content Security Policy/.test(message.text()) && violations.push(message.text()))

  await page.goto(`${site.url}/plain/`)
  assert.equal(await total(page), 'visit 1, kept in indexeddb')
  await page.reload()
  assert.equal(await total(page), 'visit 2, kept in indexeddb')
  assert.deepEqual(violations, [])
})
