/**
 * Chromium by its own protocol, without a driver in between. Drivers keep every page visible and in focus, and a page that is seen is never
 * frozen.
 */
import { spawn } from 'node:child_process'
import { flags } from './browser.js'
import { chromiumBinary } from './places.js'

/** Starts Chromium on a profile; messages go through a pipe, each ended by a zero byte. */
export async function startBareBrowser(profile) {
  const child = spawn(chromiumBinary(), [...flags, '--headless', '--remote-debugging-pipe', `--user-data-dir=${profile}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  })
  const [, , , into, from] = child.stdio
  const ended = new Promise((resolve) => child.once('close', resolve))
  const waiting = new Map()
  let last = 0
  let rest = ''
  from.setEncoding('utf8').on('data', (text) => {
    const messages = (rest + text).split('\0')
    rest = messages.pop()
    for (const message of messages) {
      const { id, result, error } = JSON.parse(message)
      const asked = waiting.get(id)
      waiting.delete(id)
      if (error) asked?.reject(new Error(`${asked.method}: ${error.message}`))
      else asked?.resolve(result)
    }
  })
  void ended.then(() => {
    for (const { method, reject } of waiting.values()) reject(new Error(`${method}: the browser has ended`))
  })

  const send = (method, params = {}, sessionId = undefined) =>
    new Promise((resolve, reject) => {
      const id = ++last
      waiting.set(id, { method, resolve, reject })
      into.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    })

  return {
    /** Opens a page. */
    async open(url) {
      const { targetId } = await send('Target.createTarget', { url })
      const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true })
      return {
        /** Runs a function in the page with arguments that JSON can hold, and resolves to what it returns. */
        async evaluate(run, ...given) {
          const expression = `(${run})(...${JSON.stringify(given)})`
          const { result, exceptionDetails } = await send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true }, sessionId)
          if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
          return result.value
        },
        /** `frozen`: as the browser freezes a page in the background. `active`: as when the person comes back. */
        setState: (state) => send('Page.setWebLifecycleState', { state }, sessionId),
        close: () => send('Target.closeTarget', { targetId }),
      }
    },
    async close() {
      await send('Browser.close').catch(() => {})
      await ended
    },
  }
}
