/** A server without a network: the rules of `tidelog-server`, compiled to a wasm of their own, asked through the real transport. */
import { Authority, initSync } from '#authority'
import authorityWasm from '#authority-wasm'
import type { AnyEvent } from '../event.js'
import type { Clock } from './environment.js'

/** A commit as the server has it. */
export interface ServerCommit {
  /** The version of its first event. */
  readonly firstVersion: number
  /** The position of its first event. */
  readonly firstPosition: number
  /** When the server recorded it, in milliseconds since 1970. */
  readonly recordedAt: number
  /** The commit as it was accepted. */
  readonly commit: {
    readonly id: string
    readonly stream: string
    readonly generation: number
    readonly command?: { readonly type: string; readonly data: unknown }
    readonly events: readonly (AnyEvent & { readonly id: string; readonly schemaVersion: number })[]
  }
}

let ready = false

/** A server that lives as long as its story. */
export class StoryServer {
  /** Where devices reach it. */
  readonly url = 'http://server.invalid/logs/story'
  readonly #authority: Authority
  readonly #clock: Clock

  constructor(clock: Clock) {
    if (!ready) initSync({ module: authorityWasm })
    ready = true
    this.#clock = clock
    this.#authority = new Authority('5e000000-0000-4000-8000-000000000001')
  }

  /** What it has accepted, in the order of positions. */
  commits(): readonly ServerCommit[] {
    return JSON.parse(this.#authority.commits()) as ServerCommit[]
  }

  /** The network that leads to it. */
  readonly fetch: typeof fetch = (input, init) => {
    const url = typeof input === 'string' ? input : 'href' in input ? input.href : input.url
    const path = url.slice(this.url.length)
    const text = this.#authority.answer(init?.method ?? 'GET', path, init?.body as string | undefined, this.#clock.now)
    const { status, contentType, body } = JSON.parse(text) as { status: number; contentType: string; body: string }
    return Promise.resolve(new Response(body, { status, headers: { 'Content-Type': contentType } }))
  }
}
