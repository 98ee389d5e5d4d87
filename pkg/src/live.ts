/** Live values: the Svelte store contract, stable snapshots for React's useSyncExternalStore, errors that don't get lost. */
import { asTidelogError, type TidelogError } from './errors.js'
import { share } from './share.js'

/** A value that changes, known at any time. */
export interface Readable<Value> {
  /** The value now: the same object until it changes. Needs no `this`. */
  readonly get: () => Value
  /** Calls `run` at once with the value now, and again whenever it changed, until the returned function is called. Needs no `this`. */
  readonly subscribe: (run: (value: Value) => void) => () => void
}

/** A value that is loaded and kept up to date while somebody is subscribed: undefined until it is loaded. */
export interface Live<Value> extends Readable<Value | undefined> {
  /** Resolves to the value once it is loaded (and loads it if nobody is subscribed); rejects if loading fails. */
  readonly ready: Promise<Value>
  /** Why the last load failed; undefined once one succeeds. */
  readonly error: TidelogError | undefined
}

/** A value that its owner sets. */
export class Cell<Value> implements Readable<Value> {
  #value: Value
  readonly #subscribers = new Set<{ run: (value: Value) => void }>()

  constructor(value: Value) {
    this.#value = value
  }

  readonly get = (): Value => this.#value

  /** Sets the value; whoever is subscribed hears of it if it differs from the one before. */
  set(next: Value): void {
    const value = share(this.#value, next)
    if (Object.is(value, this.#value)) return
    this.#value = value
    for (const subscriber of [...this.#subscribers]) {
      if (this.#subscribers.has(subscriber)) deliver(subscriber.run, value)
    }
  }

  readonly subscribe = (run: (value: Value) => void): (() => void) => {
    const subscriber = { run }
    this.#subscribers.add(subscriber)
    deliver(run, this.#value)
    return () => void this.#subscribers.delete(subscriber)
  }

  /** Whether anybody is subscribed. */
  get watched(): boolean {
    return this.#subscribers.size > 0
  }
}

/** One subscriber that throws must not keep the others from hearing; its error goes where uncaught errors go. */
function deliver<Value>(run: (value: Value) => void, value: Value): void {
  try {
    run(value)
  } catch (thrown) {
    queueMicrotask(() => {
      throw thrown
    })
  }
}

/** What a live value needs from the tidelog. */
export interface LiveSource<Value> {
  /** Loads the value now. */
  readonly load: () => Promise<Value>
  /** Starts to call `stale` whenever the value may have changed; returns how to stop. */
  readonly watch: (stale: () => void) => () => void
  /** Told of a failed load while somebody is subscribed. */
  readonly failed: (error: TidelogError) => void
}

/** A live value over a source. At most one load is on its way; changes meanwhile lead to one more. */
export class LiveValue<Value> implements Live<Value> {
  readonly #source: LiveSource<Value>
  readonly #cell = new Cell<Value | undefined>(undefined)
  #error: TidelogError | undefined
  #unwatch: (() => void) | undefined
  #loading: Promise<Value> | undefined
  #stale = false
  #subscribers = 0

  constructor(source: LiveSource<Value>) {
    this.#source = source
  }

  readonly get = (): Value | undefined => this.#cell.get()

  readonly subscribe = (run: (value: Value | undefined) => void): (() => void) => {
    const unsubscribe = this.#cell.subscribe(run)
    if (this.#subscribers++ === 0) {
      this.#unwatch = this.#source.watch(() => this.#refresh())
      this.#refresh()
    }
    let subscribed = true
    return () => {
      unsubscribe()
      if (!subscribed) return
      subscribed = false
      if (--this.#subscribers === 0) {
        this.#unwatch?.()
        this.#unwatch = undefined
      }
    }
  }

  get error(): TidelogError | undefined {
    return this.#error
  }

  get ready(): Promise<Value> {
    const value = this.#cell.get()
    if (this.#unwatch && value !== undefined && !this.#loading) return Promise.resolve(value)
    return this.#load()
  }

  #refresh(): void {
    if (this.#loading) {
      this.#stale = true
      return
    }
    this.#load().catch((error: unknown) => this.#source.failed(asTidelogError(error)))
  }

  #load(): Promise<Value> {
    this.#loading ??= this.#run().finally(() => {
      this.#loading = undefined
      if (this.#stale) {
        this.#stale = false
        if (this.#unwatch) this.#refresh()
      }
    })
    return this.#loading
  }

  async #run(): Promise<Value> {
    try {
      const value = await this.#source.load()
      this.#error = undefined
      this.#cell.set(value)
      return this.#cell.get() as Value
    } catch (thrown) {
      this.#error = asTidelogError(thrown)
      throw this.#error
    }
  }
}
