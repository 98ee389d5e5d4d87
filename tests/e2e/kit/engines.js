/**
 * The same device in each of the three engines. Chromium is driven; Firefox and WebKit run as a person has them, without a driver: what
 * drives them gives them a storage that is gone with the browser.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openPage, startDevice } from './device.js'
import { atEnd } from './ending.js'
import { firefoxBinary, screenBinary, webkitBinary } from './places.js'
import { awaitPage } from './remote.js'
import { until } from './until.js'

/** What keeps Firefox from asking questions, looking for servers of its own, and minding that it was killed. */
const preferences = {
  'app.update.enabled': false,
  'browser.aboutwelcome.enabled': false,
  'browser.sessionstore.resume_from_crash': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'datareporting.policy.dataSubmissionEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'toolkit.startup.max_resumed_crashes': -1,
}

/** The engines by name: each starts a device with so many tabs. `screen` is for the whole test. */
export const engines = {
  chromium: async (profile, site, { tabs = 1 } = {}) => {
    const device = await startDevice(profile, site)
    const pages = [device.page]
    while (pages.length < tabs) pages.push(await openPage(device.context, site))
    return { ...device, pages }
  },
  firefox: (profile, site, { tabs = 1 } = {}) => {
    mkdirSync(profile, { recursive: true })
    const lines = Object.entries(preferences).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
    writeFileSync(join(profile, 'user.js'), lines.join(''))
    const args = ['--headless', '--no-remote', '--profile', profile]
    return undriven(firefoxBinary(), args, { HOME: profile }, site, tabs)
  },
  webkit: (profile, site, { tabs = 1, screen } = {}) => {
    const folders = { XDG_DATA_HOME: 'data', XDG_CACHE_HOME: 'cache', XDG_CONFIG_HOME: 'config' }
    const own = Object.fromEntries(Object.entries(folders).map(([name, folder]) => [name, join(profile, folder)]))
    for (const folder of Object.values(own)) mkdirSync(folder, { recursive: true })
    // The sandbox wants rights that a container has not, and the pages are our own tests.
    const environment = { ...own, DISPLAY: screen, WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1' }
    return undriven(webkitBinary(), [], environment, site, tabs)
  },
}

/** Starts a virtual screen for the test, where the engine needs one. */
export async function startScreen(test, engine) {
  if (engine !== 'webkit') return undefined
  const screen = spawn(screenBinary(), ['-displayfd', '1', '-nolisten', 'tcp'], { stdio: ['ignore', 'pipe', 'ignore'] })
  atEnd(test, () => void screen.kill())
  const number = await new Promise((resolve, reject) => {
    let text = ''
    screen.stdout.setEncoding('utf8').on('data', (part) => (text += part).endsWith('\n') && resolve(text.trim()))
    screen.once('error', reject).once('exit', (code) => reject(new Error(`${screenBinary()} ended with ${code}`)))
  })
  return `:${number}`
}

async function undriven(program, args, environment, site, tabs) {
  const remotes = []
  while (remotes.length < tabs) remotes.push(await awaitPage())
  const addresses = remotes.map(({ port }) => `${site.url}/?remote=${port}`)
  // The leader of a process group: all of it can be ended at once.
  const browser = spawn(program, [...args, ...addresses], { detached: true, stdio: 'ignore', env: { ...process.env, ...environment } })
  const ended = new Promise((resolve) => browser.once('close', resolve))

  /** Ends every process of the browser at once, as a crash or the system does. */
  async function kill() {
    try {
      process.kill(-browser.pid, 'SIGKILL')
    } catch (error) {
      if (error.code !== 'ESRCH') throw error
    }
    await ended
    await until('the end of every process of the browser', () => running(browser.pid).length === 0)
    for (const remote of remotes) remote.close()
  }

  const failed = new Promise((_, reject) => {
    browser.once('error', reject)
    void ended.then(() => reject(new Error(`${program} ended`)))
  })
  failed.catch(() => {})
  const pages = remotes.map(({ page }) => page)
  try {
    await Promise.race([failed, Promise.all(remotes.map(({ connected }) => connected))])
    for (const page of pages) await until('the page being ready', () => page.evaluate('globalThis.ready === true'))
  } catch (error) {
    await kill()
    throw error
  }
  return { page: pages[0], pages, kill, close: kill }
}

/** The processes of a group that still run. */
function running(group) {
  const lines = execFileSync('ps', ['-A', '-o', 'pgid=,stat='], { encoding: 'utf8' }).trim().split('\n')
  return lines.map((line) => line.trim().split(/\s+/)).filter(([own, state]) => Number(own) === group && !state.startsWith('Z'))
}
