/** Learning records go in on one device, to the server, and out on a second one that knows nothing; each leg timed. */
import { join } from 'node:path'
import { digest } from '../pages/essence.js'
import { openPage, startDevice, syncWith } from './device.js'
import { assertWhole, serverLog } from './log.js'
import { startServer } from './server.js'
import { startSite } from './site.js'
import { until } from './until.js'

/**
 * @param {{ folder: string, data: string, modules?: string[], onProgress?: (leg: string, done: number, total: number) => void, within?: number }} parts
 * `folder`: an empty one for database and profiles; `data`: the folder of the files
 * @returns figures in milliseconds, the rows of the projection on the second device, and the logs of server and devices
 */
export async function importRecords({ folder, data, modules, onProgress = () => {}, within = 300_000 }) {
  const closing = []
  const closeLater = (run) => closing.unshift(run)
  try {
    const site = await startSite({ folders: { '/data/': data } })
    closeLater(() => site.close())
    const server = await startServer({ database: join(folder, 'server.sqlite') })
    closeLater(() => server.stop())
    const first = await startDevice(join(folder, 'first'), site)
    closeLater(() => first.close())
    const sync = syncWith(server.url, 'oulad')

    const { total, append } = await appendAll(first.page, site, { sync, modules, onProgress })
    const push = await timed(first.page, 'push', total, { onProgress, within })

    const second = await startDevice(join(folder, 'second'), site)
    closeLater(() => second.close())
    await openRecords(second.page, { name: 'oulad', sync })
    const pull = await timed(second.page, 'pull', total, { onProgress, within })

    // In a page of its own: nothing of what the pull left in memory helps.
    await second.page.close()
    const page = await openPage(second.context, site)
    await openRecords(page, { name: 'oulad', sync })
    const { rebuild, rows } = await page.evaluate(async () => {
      const started = performance.now()
      // the rows are stored: without this they would only be read
      await log.projections.rebuild(records.scores)
      return { rebuild: performance.now() - started, rows: await log.rows(records.scores) }
    })
    onProgress('verify', 0, total)
    const logs = await sameLogs(`${server.url}/logs/oulad`, { 'the first device': first.page, 'the second device': page })
    return { total, append, push, pull, rebuild, rows, logs }
  } finally {
    for (const run of closing) await run()
  }
}

const openRecords = (page, options) =>
  page.evaluate(async (options) => {
    globalThis.records = await import('/enrolments.js')
    await open({ ...options, aggregates: [], projections: [records.scores] })
  }, options)

/** Appends the records while the sync is paused, so that the time is that of the append alone. */
async function appendAll(page, site, { sync, modules, onProgress }) {
  site.onMessage = (text) => {
    const { done, total } = JSON.parse(text)
    onProgress('append', done, total)
  }
  await openRecords(page, { name: 'oulad', sync })
  return page.evaluate(async (modules) => {
    log.sync.pause()
    const names = ['assessments', 'studentRegistration', 'studentAssessment']
    const texts = await Promise.all(names.map(async (name) => (await fetch(`/data/${name}.csv`)).text()))
    const commits = records.enrolmentCommits(Object.fromEntries(names.map((name, index) => [name, texts[index]])), modules)
    let said = 0
    const onProgress = ({ events: done, total }) => {
      if (performance.now() - said < 500 && done < total) return
      said = performance.now()
      void tell({ done, total })
    }
    const started = performance.now()
    const { events } = await log.appendAll(commits, { onProgress })
    return { total: events, append: performance.now() - started }
  }, modules)
}

/** Syncs until device and server are in step; the time is measured in the page. */
async function timed(page, leg, total, { onProgress, within }) {
  await page.evaluate((total) => {
    globalThis.leg = { started: performance.now(), ended: undefined }
    log.sync.resume()
    const confirmed = async () => (await log.page({ backwards: true, limit: 1, confirmedOnly: true })).events[0]?.position ?? 0
    globalThis.confirmed = confirmed
    let asking = false
    const look = async () => {
      if (asking || globalThis.leg.ended !== undefined) return
      asking = true
      const { state, pending } = log.sync.status
      if (state === 'idle' && pending.commits === 0 && (await confirmed()) === total) {
        globalThis.leg.ended ??= performance.now()
        unsubscribe()
      }
      asking = false
    }
    let unsubscribe = () => {}
    unsubscribe = log.sync.subscribe(() => void look())
  }, total)
  let last = 0
  return until(
    `the ${leg} of ${total} events`,
    async () => {
      const { ended, started, done } = await page.evaluate(async () => ({ ...globalThis.leg, done: await confirmed() }))
      if (ended !== undefined) return ended - started
      if (done !== last) onProgress(leg, (last = done), total)
      return undefined
    },
    { within, every: 250, otherwise: () => page.evaluate(() => ({ status: log.sync.status, errors })) },
  )
}

/** The logs of the server and of the devices, and whether they are the same event for event. */
async function sameLogs(url, pages) {
  const onServer = await serverLog(url)
  assertWhole(onServer)
  const expected = await digest(onServer)
  const differing = []
  for (const [whose, page] of Object.entries(pages)) {
    // Reduced in the page: the events of a large log take longer to leave it than all else.
    const own = await page.evaluate(async () => {
      const { digest, essence } = await import('/essence.js')
      return digest((await log.read().toArray()).map(essence))
    })
    if (own !== expected) differing.push(whose)
  }
  return { events: onServer.length, differing }
}
