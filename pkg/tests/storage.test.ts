import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Core, CoreStatus } from '../src/core.js'
import { surroundings, type Environment } from '../src/environment.js'
import { Purity } from '../src/purity.js'
import { Session } from '../src/session.js'
import { StorageControl, warnBeforeClose } from '../src/storage.js'

/** A log that says it stands like this, and what tells that it changed. */
function standing(status: Partial<CoreStatus>, environment: Partial<Environment> = {}) {
  const stands: Partial<CoreStatus> = { storage: 'indexeddb', pendingCommits: 0, pendingEvents: 0, confirmedEvents: 0, corrupt: [], ...status }
  const session = new Session('log', { status: () => ({ ...stands }), close() {} } as unknown as Core, surroundings(environment), true, new Purity(), () => {})
  const storage = new StorageControl(session, 'relaxed')
  const change = (more: { [Key in keyof CoreStatus]?: CoreStatus[Key] | undefined }): void => {
    Object.assign(stands, more)
    storage.changed()
  }
  return { session, storage, change }
}

const keeps = (persisted: boolean) => ({ persisted: () => Promise.resolve(persisted), persist: () => Promise.resolve(persisted), estimate: () => Promise.resolve({}) })

describe('the standing of a log', () => {
  it('says when the browser clears it by itself', async () => {
    const eviction = async (status: Partial<CoreStatus>, environment: Partial<Environment>) => (await standing(status, environment).storage.refresh()).eviction
    assert.equal(await eviction({ storage: 'memory' }, { storage: keeps(true) }), 'with-the-page')
    assert.equal(await eviction({}, { storage: keeps(true), clearsIdle: true }), 'never')
    assert.equal(await eviction({}, { storage: keeps(false), clearsIdle: true }), 'when-idle')
    assert.equal(await eviction({}, { storage: keeps(false), clearsIdle: false }), 'when-full')
    assert.equal(await eviction({}, { storage: undefined }), 'when-full')
  })

  it('says since when something is on this device only, as a live value', () => {
    const { storage, change } = standing({})
    const told: unknown[] = []
    const stop = storage.subscribe(({ unsynced }) => told.push(unsynced))
    change({ pendingCommits: 1, pendingEvents: 2, pendingSince: 1_000 })
    change({ pendingCommits: 2, pendingEvents: 3 })
    change({ pendingCommits: 0, pendingEvents: 0, pendingSince: undefined })
    stop()
    assert.deepEqual(told, [{ commits: 0, events: 0 }, { commits: 1, events: 2, oldest: 1_000 }, { commits: 2, events: 3, oldest: 1_000 }, { commits: 0, events: 0 }])
  })
})

describe('which browsers clear what is idle', () => {
  const safari = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15'
  const chromeOnIos = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1'
  const chrome = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'
  const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
  const clears = (navigator: object | undefined): boolean => {
    const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator')
    Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true })
    try {
      return surroundings().clearsIdle
    } finally {
      if (before) Object.defineProperty(globalThis, 'navigator', before)
      else Reflect.deleteProperty(globalThis, 'navigator')
    }
  }
  for (const [name, navigator, expected] of [
    ['Safari', { userAgent: safari }, true],
    ['Chrome on iOS, which is Safari underneath', { userAgent: chromeOnIos }, true],
    ['an app on the home screen of iOS', { userAgent: safari, standalone: true }, false],
    ['Chrome', { userAgent: chrome }, false],
    ['Firefox', { userAgent: firefox }, false],
    ['no browser', undefined, false],
  ] as const) {
    it(name, () => assert.equal(clears(navigator), expected))
  }
})

describe('the question before a page is closed', () => {
  it('is asked while commits wait for the server, and not after the log was closed', (test) => {
    const listeners = new Set<(event: Event) => void>()
    const mend = (name: 'addEventListener' | 'removeEventListener', change: (run: (event: Event) => void) => void) => {
      const before = Object.getOwnPropertyDescriptor(globalThis, name)
      Object.defineProperty(globalThis, name, { value: (_: string, run: (event: Event) => void) => change(run), configurable: true })
      test.after(() => (before ? Object.defineProperty(globalThis, name, before) : Reflect.deleteProperty(globalThis, name)))
    }
    mend('addEventListener', (run) => listeners.add(run))
    mend('removeEventListener', (run) => listeners.delete(run))
    const asks = (): boolean => {
      const event = new Event('beforeunload', { cancelable: true })
      for (const run of listeners) run(event)
      return event.defaultPrevented
    }
    const { session, storage, change } = standing({})
    warnBeforeClose(session, storage)
    assert.equal(asks(), false)
    change({ pendingCommits: 1, pendingEvents: 1 })
    change({ pendingCommits: 2, pendingEvents: 2 })
    assert.equal(asks(), true)
    change({ pendingCommits: 0, pendingEvents: 0 })
    assert.equal(listeners.size, 0)
    change({ pendingCommits: 1, pendingEvents: 1 })
    session.close()
    assert.equal(listeners.size, 0)
  })
})
