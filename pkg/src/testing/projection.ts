/** Stories about a projection. */
import { adaptProjection } from '../adapt-projection.js'
import type { Projection } from '../projection.js'
import { Purity } from '../purity.js'
import { ExpectationError, same } from './difference.js'
import { recorded, type Happened } from './happened.js'

/** The rows of a projection. Each method throws, with the difference, if it is not so. */
export interface Folded<Row> {
  /** These are the rows, by key. */
  then(rows: Readonly<Record<string, NoInfer<Row>>>): FoldedRows<Row>
  /** This is the row of a key; undefined if there is to be none. */
  thenRow(key: string, row: NoInfer<Row> | undefined): FoldedRows<Row>
}

/** What was looked at is as expected; there may be more to say. */
export type FoldedRows<Row> = Omit<Folded<Row>, 'then'>

/** Given these events, whatever their streams. */
export function givenRows<Row>(projection: Projection<Row>, history: readonly Happened[]): Folded<Row> {
  const core = adaptProjection(projection, new Purity())
  const rows = new Map<string, string>()
  // One at a time, so that every row goes through its JSON, as in the database.
  for (const event of recorded(history)) {
    if (projection.from && !projection.from.includes(event.stream.slice(0, event.stream.indexOf('-')))) continue
    let changed: string
    try {
      changed = core.project(JSON.stringify([event]), (key) => rows.get(key))
    } catch (thrown) {
      throw new Error(`projection ${projection.name} failed: ${(thrown as { message: string }).message}`, { cause: thrown })
    }
    for (const [key, row] of JSON.parse(changed) as [string, unknown][]) {
      if (row === null) rows.delete(key)
      else rows.set(key, JSON.stringify(row))
    }
  }
  const actual = Object.fromEntries([...rows].map(([key, row]) => [key, JSON.parse(row) as Row]))
  const more: FoldedRows<Row> = {
    thenRow(key, row) {
      same(`the rows of ${key}`, row, actual[key])
      return more
    },
  }
  return {
    ...more,
    then(expected) {
      if (typeof expected === 'function') throw new ExpectationError('then() takes the rows that are expected: a story about a projection needs no await')
      same('the rows', expected, actual)
      return more
    },
  }
}
