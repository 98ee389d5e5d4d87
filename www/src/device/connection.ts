import type { OnlineSource } from 'tidelog'

/**
 * The network of one device, with a switch: offline means that no request goes out. The switch survives a reload and is the same
 * in every tab, so that a device which went offline is still offline when the page comes back.
 */
export class Connection implements OnlineSource {
  readonly #key: string
  readonly #listeners = new Set<(online: boolean) => void>()
  #on: boolean
  #known: boolean

  constructor(device: string) {
    this.#key = `tidelog-demo/${device}/offline`
    this.#on = localStorage.getItem(this.#key) === null
    this.#known = this.get()
    addEventListener('online', () => this.#tell())
    addEventListener('offline', () => this.#tell())
    addEventListener('storage', ({ key }) => {
      if (key !== this.#key && key !== null) return
      this.#on = localStorage.getItem(this.#key) === null
      this.#tell()
    })
  }

  readonly get = (): boolean => this.#on && navigator.onLine !== false

  readonly subscribe = (run: (online: boolean) => void): (() => void) => {
    const listener = (online: boolean): void => run(online)
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Flips the switch. */
  set(on: boolean): void {
    this.#on = on
    if (on) localStorage.removeItem(this.#key)
    else localStorage.setItem(this.#key, 'yes')
    this.#tell()
  }

  /** `fetch` with the cable pulled: what would go out while the switch is off fails as a network does. */
  readonly fetch: typeof fetch = (input, init) =>
    this.#on ? globalThis.fetch(input, init) : Promise.reject(new TypeError('the device is switched offline'))

  #tell(): void {
    const online = this.get()
    if (online === this.#known) return
    this.#known = online
    for (const listener of this.#listeners) listener(online)
  }
}
