/** The move from a table to a log, in four steps. */
import assert from 'node:assert/strict'
import { open, projection } from 'tidelog'
import { learner, type LearnerEvent } from './learner.js'
import { learners, type LearnerRow } from './table.js'

/** 2. The old table as a projection: screens and reports that read rows go on as they are. */
const table = projection({
  name: 'learners',
  from: [learner],
  initial: { name: '', email: '', active: false },
  key: ({ stream }) => stream.slice('learner-'.length),
  on: {
    LearnerImported: (_row, { data: { name, email, active } }) => ({ name, email, active }),
    LearnerRenamed: (row, { data }) => ({ ...row, name: data.name }),
    EmailChanged: (row, { data }) => ({ ...row, email: data.email }),
    LearnerSuspended: (row) => ({ ...row, active: false }),
    LearnerReadmitted: (row) => ({ ...row, active: true }),
  },
})

const tidelog = await open({ name: 'school', storage: 'memory', aggregates: [learner], projections: [table] })

/** 1. Every row becomes the first event of a stream. A row is known by its table and key: it moves once, however often this runs. */
const move = (rows: readonly LearnerRow[]) =>
  tidelog.import(rows, {
    source: 'learners',
    map: ({ id, name, email, active, updated_at }) => {
      const event: LearnerEvent = { type: 'LearnerImported', data: { name, email, active } }
      return { key: id, stream: `learner-${id}`, events: [{ ...event, occurredAt: Date.parse(updated_at) }] }
    },
  })
const [first, second] = [await move(learners), await move(learners)]
console.log(`moved ${first.commits} rows; a second run moves ${second.commits} and finds ${second.duplicates} here`)

const rows = await tidelog.rows(table)
assert.deepEqual(rows, learners.map(({ id, name, email, active }) => [id, { name, email, active }]))
console.log('the projection is the table:')
for (const [id, row] of rows) console.log(`  ${id} ${row.name}, ${row.email}, ${row.active ? 'active' : 'suspended'}`)

// 3. Where there was one UPDATE for everything there is now a command for each intention, with rules and reasons.
await tidelog.execute(learner, '17', { type: 'Rename', data: { name: 'Ada Lovelace', because: 'marriage' } }, { actor: 'registry' })
await tidelog.execute(learner, '17', { type: 'ChangeEmail', data: { email: 'lovelace@example.org' } }, { actor: 'ada' })
await tidelog.execute(learner, '18', { type: 'Rename', data: { name: 'Alan M. Turing', because: 'typo' } }, { actor: 'registry' })
await tidelog.execute(learner, '19', { type: 'Readmit' }, { actor: 'dean' })
console.log('after a day of work:')
for (const [id, row] of await tidelog.rows(table)) console.log(`  ${id} ${row.name}, ${row.email}, ${row.active ? 'active' : 'suspended'}`)

// 4. Questions that the table could not answer.
const names: string[] = []
for await (const event of tidelog.read<LearnerEvent>({ types: ['LearnerRenamed'] })) {
  if (event.type === 'LearnerRenamed' && event.data.because !== 'typo') names.push(`${event.stream}: ${event.data.name} (${event.data.because}, by ${event.metadata.actor})`)
}
console.log(`new names that are no mended typos: ${names.join('; ')}`)
assert.equal(names.length, 1)
const before = await tidelog.load(learner, '17', { at: 1 })
console.log(`learner 17 before: ${before.state.name}, ${before.state.email}`)

// And from now on a backup is the log itself: a new device makes the same table of it.
const backup = await tidelog.export().text()
const fresh = await open({ name: 'school', storage: 'memory', aggregates: [learner], projections: [table] })
const { events } = await fresh.import(backup)
assert.deepEqual(await fresh.rows(table), await tidelog.rows(table))
console.log(`restored on a new device: ${events} events, the same table`)
fresh.close()
tidelog.close()
