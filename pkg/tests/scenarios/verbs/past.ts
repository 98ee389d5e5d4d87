/** Looking into the past: moments, differences, replays. */
import type { Moment, RecordedEvent } from '../../../src/index.js'
import type { Verbs } from './verb.js'

/** A moment: `{ version }`, `{ position }`, `{ time }`, `{ known }` or nothing. */
export function momentOf(at: unknown): { at?: Date | number; knownAt?: Date } {
  const { version, position, time, known } = (at ?? {}) as { version?: number; position?: number; time?: number; known?: number }
  if (version !== undefined || position !== undefined) return { at: version ?? position! }
  if (time !== undefined) return { at: new Date(time) }
  return known === undefined ? {} : { knownAt: new Date(known) }
}

export const pastVerbs: Verbs = {
  difference: {
    takes: ['aggregate', 'id', 'projection', 'key', 'from', 'to'],
    run(device, { aggregate, id, projection, key, from, to }, stage) {
      const when = (at: unknown): Moment | undefined => {
        const { at: moment, knownAt } = momentOf(at)
        return moment ?? (knownAt && { knownAt })
      }
      const between = { from: when(from)!, ...(to === undefined ? {} : { to: when(to)! }) }
      if (projection === undefined) return device.difference(stage.aggregate(aggregate), id as string, between)
      const rows = stage.projection(projection)
      return key === undefined ? device.difference(rows, between) : device.difference(rows, key as string, between)
    },
  },
  replay: {
    takes: ['types', 'aggregates', 'streams', 'from', 'to', 'after', 'until', 'refuses', 'collect'],
    async run(device, { refuses, collect, ...chosen }) {
      const handed: number[] = []
      const take = ([event]: readonly RecordedEvent[]): void => {
        if (event!.position === refuses) throw new Error('not this one')
        handed.push(event!.position!)
      }
      const report = await device.replay(take, { ...chosen, batchSize: 1, onError: collect ? 'collect' : 'stop' }).finished
      return { ...report, handed }
    },
  },
}
