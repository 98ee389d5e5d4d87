/** Commands and queries, and what stands around them. */
import assert from 'node:assert/strict'
import { isTidelogError, open, projection } from 'tidelog'
import { budget } from './budget.js'
import { authorising, journal, logging, session } from './middleware.js'

// The query side: a row for each budget, made for a screen.
const overview = projection({
  name: 'overview',
  from: [budget],
  initial: { granted: 0, spent: 0, courses: [] as readonly string[] },
  key: ({ stream }) => stream.slice('budget-'.length),
  on: {
    BudgetGranted: (row, { data }) => ({ ...row, granted: row.granted + data.amount }),
    CourseBooked: (row, { data }) => ({ ...row, spent: row.spent + data.cost, courses: [...row.courses, data.course] }),
    BookingCancelled: (row, { data }) => ({ ...row, spent: row.spent - data.cost, courses: row.courses.filter((one) => one !== data.course) }),
  },
})

const tidelog = await open({ name: 'budgets', storage: 'memory', aggregates: [budget], projections: [overview], middleware: [logging, authorising] })

/** What a form would show. */
async function attempt(what: string, doing: Promise<unknown>): Promise<void> {
  try {
    await doing
    console.log(`${what}: done`)
  } catch (error) {
    if (isTidelogError(error, 'invalid-command')) console.log(`${what}: not valid in ${error.details.issues.map(({ path }) => path).join(', ')}`)
    else if (isTidelogError(error, 'refused')) console.log(`${what}: ${error.details.detail}`)
    else throw error
  }
}

await attempt('ada grants herself 1000', tidelog.execute(budget, 'ada', { type: 'Grant', data: { amount: 1_000 } }))
Object.assign(session, { user: 'lin', role: 'manager' })
await attempt('lin grants ada 1000', tidelog.execute(budget, 'ada', { type: 'Grant', data: { amount: 1_000 } }))
Object.assign(session, { user: 'ada', role: 'employee' })

// The schema refuses what is no booking, and puts right what is one: the name is trimmed.
await attempt('book nothing', tidelog.execute(budget, 'ada', { type: 'Book', data: { course: ' ', price: 2.5 } }))
await attempt('book rust', tidelog.execute(budget, 'ada', { type: 'Book', data: { course: ' rust ', price: 400 } }))
await attempt('book golf', tidelog.execute(budget, 'ada', { type: 'Book', data: { course: 'golf', price: 900 } }))

// A nervous finger: the button was pressed twice, the form named its command once.
const pressed = { type: 'Book', data: { course: 'statistics', price: 250, seats: 2 } } as const
const [first, second] = [
  await tidelog.execute(budget, 'ada', pressed, { commandId: 'form 7f3a' }),
  await tidelog.execute(budget, 'ada', pressed, { commandId: 'form 7f3a' }),
]
assert.equal(second.commitId, first.commitId)
console.log(`statistics: pressed twice, booked once, at version ${second.version}`)
assert.equal(tidelog.version('budget-ada'), 3)

const row = await tidelog.row(overview, 'ada')
console.log(`ada's overview: ${JSON.stringify(row)}`)
assert.deepEqual(row, { granted: 1_000, spent: 900, courses: ['rust', 'statistics'] })
await attempt("ada looks at lin's overview", tidelog.row(overview, 'lin'))

const [granted] = await tidelog.read({ stream: 'budget-ada', limit: 1 }).toArray()
assert.equal(granted?.metadata.actor, 'lin')
console.log('the journal:')
for (const line of journal) console.log(`  ${line}`)
tidelog.close()
