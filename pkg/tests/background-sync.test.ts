import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { syncInBackground, type BackgroundSyncOptions } from '../src/service-worker.js'

describe('the options of a sync in a service worker', () => {
  const sync = { url: '/logs/academy' }
  for (const [what, options, argument] of [
    ['none at all', undefined, 'name'],
    ['an empty name', { name: '', sync }, 'name'],
    ['no server', { name: 'academy' }, 'sync'],
    ['a patience that is none', { name: 'academy', sync, patience: Number.NaN }, 'patience'],
    ['too little patience', { name: 'academy', sync, patience: 999 }, 'patience'],
  ] as const) {
    it(`${what}: refused at once, while the worker's script runs`, () => {
      assert.throws(() => syncInBackground(options as unknown as BackgroundSyncOptions), { code: 'invalid-argument', details: { argument } })
    })
  }
})
