/**
 * The same writers on three stores over the same PostgreSQL, one after the other, in an order that is shuffled for each repetition: what disturbs
 * the machine for a while does not always meet the same store.
 */
import { during, median, percentiles } from '../measures.js'
import { emmett } from './emmett.js'
import { messageDb } from './message-db.js'
import { tidelog } from './tidelog.js'

/** What is compared: events in an append, and over how many categories the streams are spread. */
const SHAPES = [
  { name: 'one event an append, 8 categories', events: 1, categories: 8 },
  { name: 'one event an append, one category', events: 1, categories: 1 },
  { name: '100 events an append, 8 categories', events: 100, categories: 8 },
]

function shuffled(items) {
  const left = [...items]
  return items.map(() => left.splice(Math.floor(Math.random() * left.length), 1)[0])
}

export async function compare({ postgres, program, writers, seconds, repetitions, say }) {
  const at = { postgres, program, writers, categories: 8 }
  const stores = []
  try {
    for (const open of [tidelog, messageDb, emmett]) stores.push(await open(at))
    const compared = []
    for (const shape of SHAPES) {
      const runs = new Map(stores.map((store) => [store, []]))
      // The first one warms up, and does not count.
      for (let repetition = 0; repetition <= repetitions; repetition += 1) {
        for (const store of shuffled(stores)) {
          store.begin(shape.categories)
          const { times, seconds: taken } = await during(seconds, writers, (writer) => store.append(writer, shape.events))
          if (repetition === 0) continue
          const perSecond = (times.length * shape.events) / taken
          runs.get(store).push({ perSecond, ...percentiles(times) })
          say(`${shape.name}: ${store.name}, ${repetition} of ${repetitions}: ${Math.round(perSecond)} events/s`)
        }
      }
      const results = stores.map((store) => {
        const of = (key) => median(runs.get(store).map((run) => run[key]))
        return { store: store.name, perSecond: of('perSecond'), p50: of('p50').median, p99: of('p99').median }
      })
      compared.push({ ...shape, results: results.map((result) => ({ ...result, ratio: result.perSecond.median / results[0].perSecond.median })) })
    }
    return { writers, seconds, repetitions, compared }
  } finally {
    for (const store of stores) await store.stop()
  }
}
