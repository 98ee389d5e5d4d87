/** Honest devices, and some that were tampered with, before a server that decides again. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { aggregate, open, type AnyAggregate, type Outcome, type Tidelog } from 'tidelog'
import { complete, course, type CompleteLesson, type LessonCompleted } from './course.js'

const folder = mkdtempSync(join(tmpdir(), 'server-with-rules-'))
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const server = spawn(process.execPath, [here('../../10-own-server/server/main.js'), folder, '0'], {
  env: { ...process.env, TOKEN: 'learner-7', RULES: here('rules.js') },
  stdio: ['ignore', 'pipe', 'inherit'],
})
const [line] = (await once(createInterface({ input: server.stdout }), 'line')) as [string]
const url = `${line.replace(/^listening on /, '')}/logs/academy`

const device = (name: string, rules: AnyAggregate): Promise<Tidelog> =>
  open({ name, storage: 'memory', aggregates: [rules], sync: { url, token: 'learner-7' } })
const told = (outcome: Outcome): string =>
  outcome.status === 'rejected' ? `rejected, ${outcome.reason.code} (${outcome.reason.message})` : outcome.status

/** Resolves when the device has what the server has. */
function inStep({ sync }: Tidelog): Promise<void> {
  const asked = Date.now()
  sync.pause()
  sync.resume()
  return new Promise((resolve) => {
    const stop = sync.subscribe(({ state, pending, lastSyncedAt = 0 }) => {
      if (state !== 'idle' || pending.commits > 0 || lastSyncedAt < asked) return
      queueMicrotask(() => stop())
      resolve()
    })
  })
}

const phone = await device('phone', course)
const laptop = await device('laptop', course)
console.log('phone, l1:', told(await (await phone.execute(course, 'algebra', complete('l1'))).confirmed))
await inStep(laptop)

// Both go on while the laptop is away: what it decides again there, the server decides again too.
laptop.sync.pause()
const late = await laptop.execute(course, 'algebra', complete('l2'))
console.log('phone, l3:', told(await (await phone.execute(course, 'algebra', complete('l3'))).confirmed))
laptop.sync.resume()
console.log('laptop, l2:', told(await late.confirmed))

// The same events and commands, without the rule.
const lenient = aggregate({
  name: 'course',
  initialState: { lessons: [] as readonly string[] },
  decide: ({ data }: CompleteLesson): LessonCompleted[] => [{ type: 'LessonCompleted', data }],
  evolve: ({ lessons }, { data }: LessonCompleted) => ({ lessons: [...lessons, data.lesson] }),
})
// A lesson is asked for, and three are completed.
const generous = aggregate({ ...lenient, decide: (): LessonCompleted[] => ['l7', 'l8', 'l9'].map((lesson) => ({ type: 'LessonCompleted', data: { lesson } })) })

for (const [name, rules, lesson] of [['without the rule', lenient, 'l1'], ['that gives more than was asked for', generous, 'l7']] as const) {
  const cheat = await device(name, rules)
  await inStep(cheat)
  console.log(`a device ${name}:`, told(await (await cheat.execute(rules, 'algebra', complete(lesson))).confirmed))
  cheat.close()
}
await inStep(phone)
const written = await phone.append('course-algebra', [{ type: 'LessonCompleted', data: { lesson: 'l9' } }])
console.log('events without a command:', told(await written.confirmed))

await inStep(phone)
const { lessons } = (await phone.load(course, 'algebra')).state
assert.deepEqual([...lessons].sort(), ['l1', 'l2', 'l3'])
console.log('the server holds', [...lessons].sort().join(', '))

phone.close()
laptop.close()
server.kill('SIGKILL')
await once(server, 'exit')
rmSync(folder, { recursive: true })
