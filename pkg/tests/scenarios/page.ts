/** What a page of a browser plays scenarios with, over IndexedDB: `tests/e2e/scenarios.test.js` bundles it. */
import { open } from '../../src/index.js'
import { play } from './play.js'
import type { Scenario } from './script.js'

const ground = (name: string) => ({ open, storage: 'indexeddb' as const, name, options: { wasm: '/tidelog/tidelog_bg.wasm' } })

Object.assign(globalThis, { playScenario: (scenario: Scenario) => play(ground(scenario.name), scenario) })
