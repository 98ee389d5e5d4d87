/** What a test has to put away, in the reverse order of its coming: the browser before its profile, the page before the server. */
import { after } from 'node:test'

const endings = new WeakMap()

/** A whole file as a test: for what its tests share. */
export const file = { after, diagnostic: (text) => console.log(`# ${text}`) }

/** Does this when the test is over, whether it passed or not. Everything is done, also after something that failed. */
export function atEnd(test, run) {
  let steps = endings.get(test)
  if (!steps) {
    endings.set(test, (steps = []))
    // One hook: several would run in the order in which they were registered.
    test.after(() => finish(steps))
  }
  steps.push(run)
}

async function finish(steps) {
  const failures = []
  for (const run of steps.reverse()) {
    try {
      await run()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}
