/** What devices do, and how long it takes: one scenario after the other on one server. */
import { Device } from './device.js'
import { during, percentiles } from './measures.js'

/** Events of a large push. */
const BATCH = 100
/** The most devices that listen while one pushes. */
const LISTENERS = 64
/** Between two pushes of the one that others listen to, in milliseconds: a person, not a flood. */
const PAUSE = 10

/** Spreads devices over so many logs. */
const spread = (url, count, logs, first) => Array.from({ length: count }, (_, index) => new Device(url, `load-${first}-${index % logs}`, index))

async function pushes({ url, devices, seconds, logs }, name, first, commits) {
  const all = spread(url, devices, logs, first)
  const { times, seconds: taken } = await during(seconds, devices, (device) => all[device].push({ commits }))
  return { name, unit: 'event', perSecond: (times.length * commits) / taken, ...percentiles(times) }
}

/** Devices that are new fetch a whole log, page by page. */
async function pulls({ url, devices, seconds }) {
  const writer = new Device(url, 'load-pull', 'writer')
  for (let push = 0; push < 50; push += 1) await writer.push({ commits: BATCH })
  const readers = spread(url, devices, 1, 'pull').map(() => ({ device: new Device(url, 'load-pull', 'reader'), cursor: '' }))
  let events = 0
  const { times, seconds: taken } = await during(seconds, devices, async (number) => {
    const reader = readers[number]
    const page = await reader.device.pull(reader.cursor)
    for (const { commit } of page.commits) events += commit.events.length
    reader.cursor = page.upToDate ? '' : page.cursor
  })
  return { name: 'pull, pages of 1,000', unit: 'event', perSecond: events / taken, ...percentiles(times) }
}

/** From the push on one device to the event on others, which follow the log. */
async function pokes({ url, devices, seconds }) {
  const listeners = Math.min(devices, LISTENERS)
  const writer = new Device(url, 'load-poke', 'writer')
  await writer.push({})
  const times = []
  const begun = new Map()
  const heard = (text) => {
    for (const [, number] of text.matchAll(/"poke":(\d+)/g)) times.push(performance.now() - begun.get(Number(number)))
  }
  const ends = await Promise.all(Array.from({ length: listeners }, (_, number) => new Device(url, 'load-poke', number).follow(heard)))
  const end = performance.now() + seconds * 1_000
  let poke = 0
  for (; performance.now() < end; poke += 1) {
    begun.set(poke, performance.now())
    await writer.push({ data: () => ({ poke }) })
    await new Promise((resolve) => setTimeout(resolve, PAUSE))
  }
  const patience = performance.now() + 30_000
  while (times.length < poke * listeners) {
    if (performance.now() > patience) throw new Error(`${poke * listeners - times.length} of ${poke * listeners} pokes did not arrive`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  for (const close of ends) close()
  return { name: `poke, ${listeners} listeners`, unit: 'poke', perSecond: times.length / seconds, ...percentiles(times) }
}

/** All of them; what a log takes alone and what several take side by side are two numbers, for pushes to one log go one after another. */
export async function scenarios(server, { devices, seconds }) {
  const at = { url: server.url, devices, seconds }
  const results = []
  const add = async (measured) => results.push({ ...(await measured), memory: server.memory()?.now })
  await add(pushes({ ...at, logs: 1 }, 'push, one commit, one log', 'one', 1))
  await add(pushes({ ...at, logs: 8 }, 'push, one commit, 8 logs', 'eight', 1))
  await add(pushes({ ...at, logs: 8 }, `push, ${BATCH} commits, 8 logs`, 'batch', BATCH))
  await add(pulls(at))
  await add(pokes(at))
  return { results, memory: server.memory()?.most }
}
