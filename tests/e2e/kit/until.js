/** Waiting for a condition, with a deadline that says what did not come. */
import { setTimeout as after } from 'node:timers/promises'

/**
 * Asks again and again until the answer is true; resolves to it.
 *
 * @param {string} what what is waited for, for the failure
 * @param {() => unknown} holds may be asynchronous
 * @param {{ within?: number, every?: number, otherwise?: () => unknown }} [options] milliseconds; what to show if it does not come
 */
export async function until(what, holds, { within = 30_000, every = 20, otherwise } = {}) {
  const deadline = Date.now() + within
  for (;;) {
    const answer = await holds()
    if (answer) return answer
    if (Date.now() > deadline) {
      const shown = otherwise ? `: ${JSON.stringify(await otherwise())}` : ''
      throw new Error(`${what} did not happen within ${within} ms${shown}`)
    }
    await after(every)
  }
}
