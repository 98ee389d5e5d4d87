/** The package as an application gets it: packed, installed from the tarball, built by Vite, and run in Chromium. */
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startBrowser } from '../kit/browser.js'
import { atEnd } from '../kit/ending.js'
import { scratch } from '../kit/scratch.js'
import { total } from './total.js'
import { checkTypes, makeApp, serve, vite } from './vite-app.js'

test('a fresh Vite application', async (test) => {
  const app = await makeApp(scratch(test))

  /** Opens the served application, looks, reloads, and looks again. */
  async function visitTwice(test, command) {
    const server = await serve(app, command)
    atEnd(test, () => server.stop())
    const browser = await startBrowser(scratch(test))
    atEnd(test, () => browser.close())
    const page = await browser.context.newPage()
    await page.goto(server.url)
    assert.equal(await total(page), 'visit 1, kept in indexeddb')
    await page.reload()
    assert.equal(await total(page), 'visit 2, kept in indexeddb')
  }

  await test.test('gets what it needs and nothing else', () => {
    const expected = /^(package\.json|README\.md|LICENSE-\w+|dist\/([\w-]+\/)?[\w.-]+\.(js|js\.map|d\.ts|wasm))$/
    assert.deepEqual(app.packed.filter((path) => !expected.test(path)), [])
    const parts = ['transport', 'processes', 'trace', 'past', 'transfer', 'conflicts'].map((part) => `dist/${part}.js`)
    for (const path of ['LICENSE-MIT', 'LICENSE-APACHE', 'dist/index.js', 'dist/index.d.ts', 'dist/tidelog_bg.wasm', ...parts]) {
      assert.ok(app.packed.includes(path), path)
    }
  })

  await test.test('finds the types', () => checkTypes(app))

  await test.test('builds, runs, and finds after a reload what it kept', async (test) => {
    await vite(app, 'build')
    const assets = await readdir(join(app.folder, 'dist/assets'))
    assert.equal(assets.filter((name) => name.endsWith('.wasm')).length, 1, `the wasm is there once: ${assets}`)
    await visitTwice(test, 'preview')
  })

  await test.test('runs in the development server', (test) => visitTwice(test, 'dev'))
})
