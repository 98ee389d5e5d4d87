/** The real server as a process: it can be stopped, killed, and started again on the same file and port. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { serverBinary } from './places.js'

/** The token of all tests. */
export const TOKEN = 'e2e-token'

/**
 * Starts a server on a database file and waits until it listens.
 *
 * @param {{ database: string, port?: number, options?: string[] }} parts port 0 takes any free one
 */
export async function startServer({ database, port = 0, options = [] }) {
  const child = spawn(
    serverBinary(),
    ['--listen', `127.0.0.1:${port}`, '--database', database, '--token', TOKEN, '--log', 'warn', ...options],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text) => (said += text))
  const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal })))
  const url = await new Promise((resolve, reject) => {
    child.once('error', reject)
    void ended.then(({ code, signal }) => reject(new Error(`the server ended with ${code ?? signal}: ${said}`)))
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [, address] = /^listening on (http:\S+)$/.exec(line) ?? []
      if (address) resolve(address)
    })
  })

  const end = (signal) => {
    child.kill(signal)
    return ended
  }
  return {
    url,
    port: Number(new URL(url).port),
    /** What it wrote to standard error. */
    said: () => said,
    /** Ends it as a crash does. */
    kill: () => end('SIGKILL'),
    /** Asks it to end, and waits. */
    stop: () => end('SIGTERM'),
  }
}
