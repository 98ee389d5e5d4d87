/** Projections: their rows, questions about them, and what they could not take in. */
import type { RowQuery } from '../../../src/index.js'
import { momentOf } from './past.js'
import type { Verbs } from './verb.js'

export const rowVerbs: Verbs = {
  row: {
    takes: ['projection', 'key', 'at'],
    run: (device, { projection, key, at }, stage) => device.row(stage.projection(projection), key as string, momentOf(at)),
  },
  rows: { takes: ['projection', 'at'], run: (device, { projection, at }, stage) => device.rows(stage.projection(projection), momentOf(at)) },
  query: {
    takes: ['projection', 'where', 'orderBy', 'limit', 'offset'],
    run: (device, { projection, ...query }, stage) => device.query(stage.projection(projection), query as RowQuery<unknown>).ready,
  },
  status: { takes: ['projection'], run: (device, { projection }, stage) => device.projections.status(stage.projection(projection)) },
  rebuild: { takes: ['projection'], run: (device, { projection }, stage) => device.projections.rebuild(stage.projection(projection)) },
  waitFor: {
    takes: ['projection', 'position'],
    run: (device, { projection, position }, stage) => device.projections.waitFor(stage.projection(projection), position as number | undefined),
  },
  deadLetters: { takes: ['projection'], run: (device, { projection }, stage) => device.projections.deadLetters.list(stage.projection(projection)) },
  replayDeadLetters: {
    takes: ['projection', 'stream'],
    run: (device, { projection, stream }, stage) => device.projections.deadLetters.replay(stage.projection(projection), stream as string | undefined),
  },
}
