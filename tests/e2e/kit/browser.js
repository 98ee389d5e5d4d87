/** Chromium on a profile on disk, as a person has it: it can be closed, killed, and started again on what it left. */
import { execFileSync } from 'node:child_process'
import { chromium } from 'playwright-core'
import { chromiumBinary } from './places.js'
import { until } from './until.js'

/** They keep Chromium from looking for servers of its own; a container has no sandbox to offer. */
export const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Starts Chromium on a profile. */
export async function startBrowser(profile, options = {}) {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: chromiumBinary(),
    args: flags,
    handleSIGINT: true,
    ...options,
  })
  return {
    context,
    close: () => context.close(),
    /** Ends every process of the browser at once, as a crash or the system does. */
    async kill() {
      const own = processes(profile)
      const [main] = own.filter(({ args }) => !args.includes('--type='))
      if (!main) throw new Error(`no browser runs on ${profile}`)
      const closed = new Promise((resolve) => context.once('close', resolve))
      // Playwright starts the browser as the leader of a process group.
      process.kill(-main.pid, 'SIGKILL')
      await until('the end of every process of the browser', () => own.every(({ pid }) => !runs(pid)))
      await closed
    },
  }
}

/** The processes that hold a profile. */
function processes(profile) {
  const lines = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,args='], { encoding: 'utf8', maxBuffer: 64 << 20 }).split('\n')
  return lines
    .filter((line) => line.includes(`--user-data-dir=${profile}`))
    .map((line) => ({ pid: Number.parseInt(line.trim(), 10), args: line }))
}

function runs(pid) {
  try {
    // A process that has ended but was not yet waited for still has a name: ask for its state.
    return !execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).trim().startsWith('Z')
  } catch {
    return false
  }
}
