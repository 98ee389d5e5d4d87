import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Met } from '../src/conflict.js'
import { surroundings, type Environment } from '../src/environment.js'
import { Tabs, type TabListener } from '../src/tabs.js'

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** The tabs of one browser: channels by name, and locks as the standard has them, without a browser. */
function browser(): Environment {
  const channels = new Map<string, Set<(message: unknown) => void>>()
  let tail: Promise<unknown> = Promise.resolve()
  return surroundings({
    channel: (name, hear) => {
      const others = channels.get(name) ?? new Set()
      channels.set(name, others.add(hear))
      return {
        post: (message) => others.forEach((other) => other !== hear && other(structuredClone(message))),
        close: () => void others.delete(hear),
      }
    },
    locks: {
      request: async (_name: string, options: LockOptions | LockGrantedCallback<unknown>, run?: LockGrantedCallback<unknown>) => {
        const { signal } = options as LockOptions
        const before = tail
        let release = (): void => {}
        tail = Promise.all([before, new Promise<void>((resolve) => (release = resolve))])
        try {
          await Promise.race([before, new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError'))))])
          return await run!(null)
        } finally {
          release()
        }
      },
    } as unknown as LockManager,
  })
}

function listener(heard: unknown[]): TabListener {
  return { core: (text) => heard.push(text), status: (status) => heard.push(status), asked: () => heard.push('asked'), met: (conflicts) => heard.push(conflicts) }
}

describe('a tab that the browser has frozen', () => {
  const there = Object.getOwnPropertyDescriptor(globalThis, 'document')
  const document = new EventTarget()
  before(() => void Object.defineProperty(globalThis, 'document', { value: document, configurable: true }))
  after(() => void (there ? Object.defineProperty(globalThis, 'document', there) : Reflect.deleteProperty(globalThis, 'document')))

  it('hears what it was told when it thaws, the last of each kind, in order', () => {
    const environment = browser()
    const [heard, others]: unknown[][] = [[], []]
    const frozen = new Tabs('log', environment, listener(heard!))
    document.dispatchEvent(new Event('freeze'))
    const other = new Tabs('log', environment, listener(others!))
    for (const text of ['log', 'pause', 'log', 'resume', 'pause']) other.post(text)
    for (const state of ['pulling', 'idle']) other.announce({ state })
    for (const commitId of ['1', '2']) other.met([{ commitId } as Met])
    assert.deepEqual(heard, [])
    document.dispatchEvent(new Event('resume'))
    const all = ['log', 'resume', 'pause', { state: 'idle' }, [{ commitId: '1' }], [{ commitId: '2' }]]
    assert.deepEqual(heard, all)
    other.post('log')
    assert.deepEqual(heard, [...all, 'log'])
    document.dispatchEvent(new Event('freeze'))
    frozen.close()
    other.post('log')
    document.dispatchEvent(new Event('resume'))
    assert.equal(heard.length, all.length + 1)
  })
})

describe('tabs', () => {
  it('hear each other and not themselves, and nothing after closing', () => {
    const environment = browser()
    const [heardA, heardB, heardOther]: unknown[][] = [[], [], []]
    const a = new Tabs('log', environment, listener(heardA!))
    const b = new Tabs('log', environment, listener(heardB!))
    new Tabs('other', environment, listener(heardOther!))
    a.post('changed')
    b.ask()
    a.announce({ state: 'idle' })
    a.met([])
    assert.deepEqual(heardB, ['changed', { state: 'idle' }, []])
    assert.deepEqual(heardA, ['asked'])
    b.close()
    a.post('more')
    b.post('more')
    assert.equal(heardB.length, 3)
    assert.equal(heardA.length, 1)
    assert.deepEqual(heardOther, [])
  })

  it('are not put off by what they do not understand', () => {
    const heard: unknown[] = []
    let say: (message: unknown) => void = () => {}
    const environment = surroundings({ channel: (_name, hear) => ((say = hear), { post() {}, close() {} }) })
    new Tabs('log', environment, listener(heard))
    for (const message of [null, 'text', 7, {}, { kind: 'core' }, { kind: 'core', text: 5 }, { kind: 'new' }]) say(message)
    assert.deepEqual(heard, [])
  })

  it('lead one at a time; the next one leads when the first ends', async () => {
    const environment = browser()
    const [a, b] = [0, 1].map(() => new Tabs('log', environment, listener([])))
    const leads: string[] = []
    let end = (): void => {}
    void a!.lead(() => new Promise((resolve) => ((end = resolve), leads.push('a'))))
    const second = b!.lead(() => Promise.resolve(void leads.push('b')))
    await settled()
    assert.deepEqual(leads, ['a'])
    assert.ok(a!.exclusive)
    end()
    await second
    assert.deepEqual(leads, ['a', 'b'])
  })

  it('end what runs when the lock is taken away, and say so', async () => {
    let take: (thrown: unknown) => void = () => {}
    const taken = new Promise<never>((_, reject) => (take = reject))
    const request = (_name: string, _options: LockOptions, run: LockGrantedCallback<unknown>): Promise<unknown> => Promise.race([run(null), taken])
    const tabs = new Tabs('log', { ...browser(), locks: { request } as unknown as LockManager }, listener([]))
    let ended = false
    const leading = tabs.lead((signal) => new Promise((resolve) => signal.addEventListener('abort', () => ((ended = true), resolve()))))
    take(new DOMException('stolen', 'AbortError'))
    await assert.rejects(leading, /stolen/)
    assert.ok(ended)
  })

  it('no longer wait for the lead once they are closed', async () => {
    const environment = browser()
    const [a, b] = [0, 1].map(() => new Tabs('log', environment, listener([])))
    void a!.lead(() => new Promise(() => {}))
    const second = b!.lead(() => Promise.reject(new Error('must not run')))
    await settled()
    b!.close()
    await second
    await b!.lead(() => Promise.reject(new Error('must not run')))
  })

  it('each lead by themselves where there are no locks', async () => {
    const tabs = new Tabs('log', surroundings({ locks: undefined, channel: undefined }), listener([]))
    assert.equal(tabs.exclusive, false)
    let led = 0
    await Promise.all([tabs.lead(() => Promise.resolve(void led++)), tabs.lead(() => Promise.resolve(void led++))])
    assert.equal(led, 2)
    tabs.post('nobody hears it')
  })
})
