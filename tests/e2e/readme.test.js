/** The first example of the README, run as it stands there. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { startDevice } from './kit/device.js'
import { atEnd } from './kit/ending.js'
import { inRepository } from './kit/places.js'
import { scratch } from './kit/scratch.js'
import { startSite } from './kit/site.js'
import { until } from './kit/until.js'

const readme = readFileSync(inRepository('README.md'), 'utf8')

test('the first example of the README does what it says', async (context) => {
  const [, example] = readme.match(/```js\n([\s\S]*?)```/) ?? assert.fail('the README has no example')
  const site = await startSite()
  atEnd(context, () => site.close())
  const device = await startDevice(scratch(context), site)
  atEnd(context, () => device.close())
  const said = []
  device.page.on('console', (message) => said.push(message.text()))
  device.page.on('pageerror', (error) => said.push(`failed: ${error.message}`))
  await device.page.addScriptTag({ type: 'module', content: example.replace("from 'tidelog'", "from '/tidelog/index.js'") })
  await until('what the example says last', () => said.some((line) => line.includes('status: confirmed')), { otherwise: () => said })
  assert.ok(said.includes('durable at version 1'), said.join('\n'))
  assert.ok(said.some((line) => line.startsWith('lessons so far:') && line.includes('l1')), said.join('\n'))
  assert.ok(!said.some((line) => line.startsWith('failed:')), said.join('\n'))
  const lines = example.trim().split('\n').filter((line) => line.trim() !== '')
  assert.ok(lines.length <= 22, `the first example has grown to ${lines.length} lines`)
})
