/** Two aggregates, each with its own rule, and a booking that goes through both. */
import assert from 'node:assert/strict'
import { isTidelogError, open } from 'tidelog'
import { learner } from './learner.js'
import { workshop } from './workshop.js'

const tidelog = await open({ name: 'workshops', storage: 'memory', aggregates: [workshop, learner], actor: 'front desk' })

await tidelog.execute(workshop, 'pottery', { type: 'Announce', data: { title: 'Pottery', day: 'Tuesday', seats: 2 } })
await tidelog.execute(workshop, 'poetry', { type: 'Announce', data: { title: 'Poetry', day: 'Tuesday', seats: 8 } })

/**
 * Books a seat. No decision spans two aggregates: the seat is reserved first, and given back if the learner can't come. The second
 * command names the event that caused it, so that the log shows what belongs together.
 */
async function book(name: string, id: string): Promise<string> {
  try {
    const reserved = await tidelog.execute(workshop, id, { type: 'ReserveSeat', data: { learner: name } })
    const [event] = reserved.events
    if (!event) return 'has a seat already'
    const cause = { causationId: event.id, correlationId: event.metadata.correlationId }
    const { day } = (await tidelog.load(workshop, id)).state
    try {
      await tidelog.execute(learner, name, { type: 'PlanWorkshop', data: { workshop: id, day } }, cause)
      return 'booked'
    } catch (error) {
      if (!isTidelogError(error, 'refused')) throw error
      await tidelog.execute(workshop, id, { type: 'ReleaseSeat', data: { learner: name } }, cause)
      return `not booked: ${error.message}`
    }
  } catch (error) {
    if (!isTidelogError(error, 'refused')) throw error
    return `not booked: ${error.message}`
  }
}

for (const [name, id] of [['ada', 'pottery'], ['ada', 'pottery'], ['ada', 'poetry'], ['grace', 'pottery'], ['alan', 'pottery'], ['alan', 'poetry']] as const) {
  console.log(`${name}, ${id}: ${await book(name, id)}`)
}

const pottery = await tidelog.load(workshop, 'pottery')
const poetry = await tidelog.load(workshop, 'poetry')
console.log(`pottery: ${pottery.state.learners.join(', ')}; poetry: ${poetry.state.learners.join(', ')}`)
assert.deepEqual(pottery.state.learners, ['ada', 'grace'])
assert.deepEqual(poetry.state.learners, ['alan'])
assert.deepEqual((await tidelog.load(learner, 'ada')).state, { Tuesday: 'pottery' })

// Each aggregate has its streams; the log has them all, in the order in which they happened.
console.log(`workshops: ${tidelog.streams(workshop).join(', ')}`)
console.log(`learners: ${tidelog.streams(learner).join(', ')}`)
const all = await tidelog.read().toArray()
const first = all.find(({ type, stream }) => type === 'SeatReserved' && stream === 'workshop-poetry')!
console.log("ada's try at poetry, by its correlation:")
for (const { metadata, stream, type } of all) {
  if (metadata.correlationId === first.metadata.correlationId) console.log(`  ${stream}: ${type}`)
}
tidelog.close()
