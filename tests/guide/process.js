/** One program in a process of its own. */
import { spawn } from 'node:child_process'

/** Far longer than any takes, on a machine that does much else. */
const limit = 120_000

/** Runs `command` to its end. Resolves to its exit code (null if it was stopped after the limit) and what it said. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text))
    const timer = setTimeout(() => {
      stderr += `stopped: not at its end after ${limit / 1_000} s\n`
      child.kill('SIGKILL')
    }, limit)
    child.on('error', reject)
    child.on('close', (code) => {
      clearTimeout(timer)
      resolve({ code, stdout, stderr })
    })
  })
}
