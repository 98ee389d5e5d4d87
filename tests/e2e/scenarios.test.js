/** The scenarios of `tests/scenarios` without a server, over the npm package and IndexedDB in Chromium. */
import { build } from 'esbuild'
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { bundleOptions } from '../../pkg/scripts/bundle.js'
import { startDevice, visit } from './kit/device.js'
import { atEnd } from './kit/ending.js'
import { inRepository } from './kit/places.js'
import { scratch } from './kit/scratch.js'
import { startSite } from './kit/site.js'

const folder = inRepository('tests/scenarios')
const files = readdirSync(folder).filter((file) => file.endsWith('.json'))
const scenarios = files.flatMap((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')).scenarios.filter(({ server }) => !server))

test('scenarios over IndexedDB', { timeout: 300_000 }, async (test) => {
  assert.ok(scenarios.some(({ stored }) => stored))
  const [profile, script] = [join(scratch(test), 'profile'), join(scratch(test), 'script')]
  const root = inRepository('pkg/')
  await build({ ...bundleOptions(root), platform: 'browser', entryPoints: [`${root}tests/scenarios/page.ts`], outdir: script })
  const site = await startSite({ folders: { '/script/': script } })
  atEnd(test, () => site.close())
  const device = await startDevice(profile, site)
  atEnd(test, () => device.close())
  await visit(device.page, site)
  await device.page.addScriptTag({ type: 'module', url: `${site.url}/script/page.js` })
  for (const scenario of scenarios) {
    await test.test(scenario.name, () => device.page.evaluate((scenario) => globalThis.playScenario(scenario), scenario))
  }
})
