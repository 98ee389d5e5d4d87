/** What one event leads to elsewhere. */
import assert from 'node:assert/strict'
import { open, type Live, type ProcessInstance } from 'tidelog'
import { Calendar } from './calendar.js'
import { badges, certificate, enrolment, letters } from './domain.js'
import { graduation } from './graduation.js'

type Instance = ProcessInstance<{ lessons: number }>
const calendar = new Calendar()
const tidelog = await open({
  name: 'academy',
  storage: 'memory',
  aggregates: [enrolment, certificate, badges, letters],
  processes: [graduation],
  environment: calendar.environment,
})

const study = async (learner: string, lessons: number, completed: number): Promise<void> => {
  await tidelog.execute(enrolment, learner, { type: 'Enrol', data: { course: 'algebra', lessons } }, { actor: learner })
  for (let lesson = 1; lesson <= completed; lesson++) {
    calendar.days(1)
    await tidelog.execute(enrolment, learner, { type: 'CompleteLesson', data: { lesson } }, { actor: learner })
  }
}
/** Resolves when a live value is as it should be. */
const until = <Value>(live: Live<Value>, holds: (value: Value) => boolean): Promise<void> =>
  new Promise((resolve) => void live.subscribe((value) => value !== undefined && holds(value) && resolve()))
/** Resolves when an instance is as it should be. */
const reaches = async (learner: string, holds: (instance: Instance) => boolean): Promise<Instance> => {
  for (;;) {
    const instance = await tidelog.processes.get(graduation, learner)
    if (instance && holds(instance)) return instance
    await pause()
  }
}
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))
const print = async (learner: string): Promise<void> => {
  const [paper, wall, mail] = [await tidelog.load(certificate, learner), await tidelog.load(badges, learner), await tidelog.load(letters, learner)]
  console.log(`  ${learner}: certificate ${paper.state}, badges [${wall.state.join(', ')}], letters ${JSON.stringify(mail.state)}`)
}

// Grace's wall is full already: her badge will be refused.
for (const badge of ['logic', 'poetry']) await tidelog.execute(badges, 'grace', { type: 'Grant', data: { badge } })
await study('ada', 2, 2)
await study('grace', 2, 2)
await study('alan', 2, 1)

await until(tidelog.observe(letters, 'ada'), ({ state }) => state.length === 1)
const grace = await reaches('grace', ({ status }) => status === 'compensated')
console.log('after the last lessons:')
for (const learner of ['ada', 'grace', 'alan']) await print(learner)
console.log(`grace's process is ${grace.status}: ${grace.failure?.message}`)
assert.equal(grace.failure?.code, 'wall-is-full')

// Alan is not heard of any more. The reminder comes once, however much time goes by.
const alan = await reaches('alan', ({ state, timeouts }) => state.lessons === 1 && timeouts.length === 1)
console.log(`alan's reminder is due ${new Date(alan.timeouts[0]!.due).toISOString().slice(0, 10)}`)
while ((await tidelog.load(letters, 'alan')).state.length === 0) {
  calendar.days(1)
  await pause()
}
for (let day = 0; day < 30; day++) {
  calendar.days(1)
  await pause()
}
console.log('weeks later:')
await print('alan')
assert.equal((await tidelog.load(letters, 'alan')).state.length, 1)

await tidelog.execute(enrolment, 'ada', { type: 'AnnulExam', data: { reason: 'the paper was not hers' } }, { actor: 'board' })
await reaches('ada', ({ status }) => status === 'compensated')
console.log("ada's exam is annulled:")
await print('ada')
const steps = (await tidelog.read({ types: ['CertificateIssued', 'BadgeGranted', 'BadgeTaken', 'CertificateRevoked'] }).toArray()).filter(({ stream }) => stream.endsWith('-ada'))
console.log(`  ${steps.map(({ type }) => type).join(', ')}`)
assert.deepEqual(steps.map(({ type }) => type), ['CertificateIssued', 'BadgeGranted', 'BadgeTaken', 'CertificateRevoked'])
tidelog.close()
