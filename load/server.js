/** What is measured: the server in its release build, as a process of its own. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { TOKEN } from './device.js'

/** Starts the server over a database. */
export async function startServer(program, database) {
  const child = spawn(program, ['--listen', '127.0.0.1:0', '--database', database, '--log', 'error'], {
    env: { ...process.env, TIDELOG_TOKENS: TOKEN },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const url = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [found] = /http:\/\/\S+/.exec(line) ?? []
      if (found) resolve(found)
    })
    child.once('error', reject)
    void ended.then((code) => reject(new Error(`the server ended with ${code}`)))
  })
  return {
    url,
    /** Megabytes of memory that the process takes, and the most that it took; none where the system does not tell. */
    memory() {
      try {
        const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
        const megabytes = (name) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)[1]) / 1_024
        return { now: megabytes('VmRSS'), most: megabytes('VmHWM') }
      } catch {
        return undefined
      }
    },
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}
