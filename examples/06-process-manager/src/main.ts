/** What one event leads to elsewhere. */
import assert from 'node:assert/strict'
import { open } from 'tidelog'
import { badges, certificate, enrolment, letters } from './domain.js'
import { manage } from './manager.js'

const day = 86_400_000
let clock = Date.UTC(2026, 2, 2, 9)
const tidelog = await open({ name: 'academy', storage: 'memory', aggregates: [enrolment, certificate, badges, letters], environment: { now: () => clock } })

const study = async (learner: string, course: string, lessons: number, completed: number): Promise<void> => {
  await tidelog.execute(enrolment, learner, { type: 'Enrol', data: { course, lessons } }, { actor: learner })
  for (let lesson = 1; lesson <= completed; lesson++) {
    clock += day
    await tidelog.execute(enrolment, learner, { type: 'CompleteLesson', data: { lesson } }, { actor: learner })
  }
}
const standing = async (learner: string): Promise<string> => {
  const [paper, wall, mail] = [await tidelog.load(certificate, learner), await tidelog.load(badges, learner), await tidelog.load(letters, learner)]
  return `certificate ${paper.state}, badges [${wall.state.join(', ')}], letters ${JSON.stringify(mail.state)}`
}

// Grace's wall is full already: her badge will be refused.
for (const badge of ['logic', 'poetry']) await tidelog.execute(badges, 'grace', { type: 'Grant', data: { badge } })
await study('ada', 'algebra', 2, 2)
await study('grace', 'algebra', 2, 2)
await study('alan', 'algebra', 2, 1)

await manage(tidelog, clock)
console.log('after the last lessons:')
for (const learner of ['ada', 'grace', 'alan']) console.log(`  ${learner}: ${await standing(learner)}`)
assert.equal((await tidelog.load(certificate, 'grace')).state, 'revoked')

// The page is loaded again, another tab wakes up, another device syncs: everything is looked at once more, and nothing happens twice.
const before = await tidelog.read().toArray()
await manage(tidelog, clock)
assert.equal((await tidelog.read().toArray()).length, before.length)
console.log(`looked at again: still ${before.length} events`)

clock += 8 * day
await manage(tidelog, clock)
await manage(tidelog, clock)
console.log(`a week later, alan: ${await standing('alan')}`)
assert.equal((await tidelog.load(letters, 'alan')).state.length, 1)

await tidelog.execute(enrolment, 'ada', { type: 'AnnulExam', data: { reason: 'the paper was not hers' } }, { actor: 'board' })
await manage(tidelog, clock)
console.log(`the exam is annulled, ada: ${await standing('ada')}`)

const [annulled] = (await tidelog.read({ types: ['ExamAnnulled'] }).toArray())
console.log('what came of it, by its correlation:')
for await (const { stream, type, metadata } of tidelog.read({ correlationId: annulled!.metadata.correlationId })) console.log(`  ${stream}: ${type} (${metadata.actor})`)
tidelog.close()
