import type { Readable } from 'tidelog'

/** Resolves as soon as a live value is as wanted; at once if it is already. */
export function until<Value>(live: Pick<Readable<Value>, 'subscribe'>, holds: (value: Value) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const watch: { stop?: () => void; done: boolean } = { done: false }
    watch.stop = live.subscribe((value) => {
      if (watch.done || !holds(value)) return
      watch.done = true
      watch.stop?.() // Not there yet if the value was as wanted from the start.
      resolve()
    })
    if (watch.done) watch.stop()
  })
}
