/** Two devices and a server in plain Node.js, which dies in between. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { aggregate, DomainError, open, type Tidelog } from 'tidelog'

type CompleteLesson = { type: 'CompleteLesson'; data: { lesson: string } }
type LessonCompleted = { type: 'LessonCompleted'; data: { lesson: string } }

const course = aggregate({
  name: 'course',
  initialState: { lessons: [] as readonly string[] },
  decide({ data }: CompleteLesson, { lessons }): LessonCompleted[] {
    if (lessons.includes(data.lesson)) throw new DomainError('completed', `lesson ${data.lesson} is completed already`)
    return [{ type: 'LessonCompleted', data }]
  },
  evolve: ({ lessons }, { data }: LessonCompleted) => ({ lessons: [...lessons, data.lesson] }),
})

const complete = (lesson: string): CompleteLesson => ({ type: 'CompleteLesson', data: { lesson } })
const folder = mkdtempSync(join(tmpdir(), 'own-server-'))
const token = 'learner-7'

/** Starts the server on a port, 0 for a free one; resolves to the process and its address. */
async function serve(port: string): Promise<{ process: ChildProcess; url: string }> {
  const program = fileURLToPath(new URL('../server/main.js', import.meta.url))
  const child = spawn(process.execPath, [program, folder, port], { env: { ...process.env, TOKEN: token }, stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return { process: child, url: line.replace(/^listening on /, '') }
}

/** Resolves when everything that the device decided is confirmed, and it has what the server has. */
function inStep(device: Tidelog): Promise<void> {
  const asked = Date.now()
  device.sync.pause()
  device.sync.resume()
  return new Promise((resolve) => {
    const stop = device.sync.subscribe(({ state, pending, lastSyncedAt = 0 }) => {
      if (state !== 'idle' || pending.commits > 0 || lastSyncedAt < asked) return
      queueMicrotask(() => stop())
      resolve()
    })
  })
}

let server = await serve('0')
const device = (name: string): Promise<Tidelog> => open({ name, storage: 'memory', aggregates: [course], sync: { url: `${server.url}/logs/academy`, token } })

const phone = await device('phone')
const laptop = await device('laptop')
await phone.execute(course, 'algebra', complete('l1'))
await inStep(phone)
await inStep(laptop)
console.log('the laptop knows', (await laptop.load(course, 'algebra')).state.lessons.join(', '))

server.process.kill('SIGKILL')
await once(server.process, 'exit')
const first = await phone.execute(course, 'algebra', complete('l2'))
const late = await laptop.execute(course, 'algebra', complete('l2'))
const other = await laptop.execute(course, 'algebra', complete('l3'))
console.log('the server is gone, both go on: the phone is at version', phone.version('course-algebra'), 'and the laptop at', laptop.version('course-algebra'))

server = await serve(new URL(server.url).port)
for (const one of [phone, laptop, phone]) await inStep(one)
console.log('phone, l2:', (await first.confirmed).status)
const outcome = await late.confirmed
assert.equal(outcome.status, 'rejected')
console.log('laptop, l2:', outcome.status, `(${outcome.reason.message})`)
console.log('laptop, l3:', (await other.confirmed).status)
const logs = await Promise.all([phone, laptop].map(async (log) => (await log.read().toArray()).map(({ id, position }) => [id, position])))
assert.deepEqual(logs[0], logs[1])
console.log(`both hold the same ${logs[0]!.length} events:`, (await phone.load(course, 'algebra')).state.lessons.join(', '))

phone.close()
laptop.close()
server.process.kill()
rmSync(folder, { recursive: true })
