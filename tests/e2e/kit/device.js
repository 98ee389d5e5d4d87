/** A device of a person: a browser on a profile of its own with a page on it, driven from the test. */
import { startBrowser } from './browser.js'
import { TOKEN } from './server.js'
import { until } from './until.js'

/** Starts a browser on a profile and a page on the site. */
export async function startDevice(profile, site, options) {
  const browser = await startBrowser(profile, options)
  return { ...browser, page: await openPage(browser.context, site) }
}

/** A page of the tests, with the package loaded. */
export async function openPage(context, site, path = '/') {
  const page = await context.newPage()
  await visit(page, site, path)
  return page
}

/** Loads the page of the tests, or loads it again. */
export async function visit(page, site, path = '/') {
  await page.goto(site.url + path)
  await page.waitForFunction(() => globalThis.ready)
}

/** The options of `open()` for a sync with a server. */
export const syncWith = (url, log = 'academy', more = {}) => ({ url: `${url}/logs/${log}`, token: TOKEN, pollInterval: 500, ...more })

/** Opens the log in a page. */
export const openLog = (page, options) => page.evaluate(async (options) => void (await open(options)), options)

/** Executes a command; resolves to its receipt without the outcome. */
export const execute = (page, aggregate, id, command) =>
  page.evaluate(
    async ([aggregate, id, command]) => {
      const { commitId, version, events } = await log.execute(domain[aggregate], id, command)
      return { commitId, version, events }
    },
    [aggregate, id, command],
  )

/** The state of an aggregate's instance. */
export const load = (page, aggregate, id) => page.evaluate(([aggregate, id]) => log.load(domain[aggregate], id), [aggregate, id])

/** All events of the log in the page. */
export const events = (page, query = {}) => page.evaluate((query) => log.read(query).toArray(), query)

/** How the sync stands. */
export const status = (page) => page.evaluate(() => log.sync.status)

/** What was rejected. */
export const rejected = (page) => page.evaluate(() => log.rejected.list())

/**
 * Waits until a page is in step with the server: nothing pending, and a round done after now that reached the server's end.
 * The round is asked for; it does not cut a back-off short.
 */
export async function inStep(page, within = 30_000) {
  const asked = await page.evaluate(() => {
    log.sync.now()
    return Date.now()
  })
  await until(
    'being in step with the server',
    async () => {
      const { state, pending, lastSyncedAt = 0 } = await status(page)
      return state === 'idle' && pending.commits === 0 && lastSyncedAt > asked
    },
    { within, otherwise: () => status(page) },
  )
}
