/** The servers that the suite is tried on, each a process of its own with its data in a folder of its own. */
import { execFile, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startPostgres } from '../../load/postgres.js'

/** The token that all of them take. */
export const TOKEN = 'a-token-of-the-tests'

const OWN = fileURLToPath(new URL('../../examples/10-own-server/server', import.meta.url))

/** A folder that is gone after the test. */
export function folderFor(test) {
  const folder = mkdtempSync(join(tmpdir(), 'tidelog-conformance-'))
  test.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** Starts a process that prints where it listens; `stop` ends it and waits. */
async function listening(command, args, options) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  let said = ''
  child.stderr.on('data', (text) => (said += text))
  const lines = createInterface({ input: child.stdout })
  const url = await new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      const [found] = /http:\/\/\S+/.exec(line) ?? []
      if (found) resolve(found)
    })
    child.once('error', reject)
    void ended.then((code) => reject(new Error(`${command} ended with ${code}: ${said}`)))
  })
  return {
    url,
    async stop() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** A server that can be stopped, and put back to an earlier state at the same address. */
async function restorable(start, backup, restore) {
  let running = await start('0')
  const { port } = new URL(running.url)
  return {
    url: running.url,
    backup: async () => backup(),
    async restore() {
      await running.stop()
      restore()
      running = await start(port)
    },
    stop: () => running.stop(),
  }
}

const reference = (database, port, more = []) => {
  const program = process.env.TIDELOG_SERVER_BIN
  if (!program) throw new Error('TIDELOG_SERVER_BIN is not set: run `cargo xtask test --only conformance`')
  return listening(program, ['--listen', `127.0.0.1:${port}`, '--database', database, '--log', 'off', ...more], { env: { ...process.env, TIDELOG_TOKENS: TOKEN } })
}

/** Archives streams of the reference server's database, while it runs. */
const archiving = (database, folder) => async (log, before) => {
  const to = join(folder, `${log}-${before}.sqlite`)
  await promisify(execFile)(process.env.TIDELOG_SERVER_BIN, ['archive', log, '--before', String(before), '--to', to, '--database', database])
}

/** Puts a copy of a folder in the place of another. */
function copy(from, to) {
  rmSync(to, { recursive: true, force: true })
  cpSync(from, to, { recursive: true })
}

/** The reference server over a SQLite file, which is copied with what SQLite keeps beside it, while nobody pushes. `more` are arguments. */
export async function overSqlite(folder, more) {
  const [data, saved] = ['data', 'saved'].map((name) => join(folder, name))
  mkdirSync(data)
  const database = join(data, 'logs.sqlite')
  const server = await restorable((port) => reference(database, port, more), () => copy(data, saved), () => copy(saved, data))
  return { ...server, archive: archiving(database, folder) }
}

/** The server in plain Node.js, perhaps with its files changed. */
export function own(folder, change = () => {}) {
  const code = join(folder, 'server')
  const data = join(folder, 'data')
  const saved = join(folder, 'saved')
  cpSync(OWN, code, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  change((file, from, to) => {
    const path = join(code, file)
    const text = readFileSync(path, 'utf8')
    if (text.split(from).length !== 2) throw new Error(`${file} does not hold this once: ${from}`)
    writeFileSync(path, text.replace(from, () => to))
  })
  const start = (port) => listening(process.execPath, [join(code, 'main.js'), data, port], { env: { ...process.env, TOKEN } })
  return restorable(start, () => copy(data, saved), () => copy(saved, data))
}

/** The reference server over a PostgreSQL of its own, with a folder for archives. */
export async function overPostgres(folder, more) {
  const postgres = startPostgres(process.env.TIDELOG_POSTGRES_BIN)
  try {
    const database = postgres.database('conformance')
    const server = await reference(database, '0', more)
    return {
      url: server.url,
      archive: archiving(database, folder),
      async stop() {
        await server.stop()
        postgres.stop()
      },
    }
  } catch (error) {
    postgres.stop()
    throw error
  }
}
