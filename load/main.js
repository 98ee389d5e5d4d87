/**
 * Measures the server under load. `cargo xtask load` calls it with the server's program and, where there is one, PostgreSQL's; see
 * `--help` there for the other words.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { disconnect } from './device.js'
import { machine } from './machine.js'
import { startPostgres } from './postgres.js'
import { page } from './report.js'
import { scenarios } from './scenarios.js'
import { startServer } from './server.js'

/** A number within bounds. */
function number(name, text, least, most) {
  const value = Number(text)
  if (!(value >= least && value <= most)) throw new TypeError(`--${name} wants a number from ${least} to ${most}, not ${text}`)
  return value
}

function asked() {
  const string = (value) => ({ type: 'string', default: value })
  const options = {
    devices: string('32'),
    seconds: string('5'),
    storage: string('both'),
    repetitions: string('5'),
    writers: string('16'),
    json: { type: 'string' },
    page: { type: 'string' },
    'no-peers': { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
  }
  const { values } = parseArgs({ options })
  if (values.quick) Object.assign(values, { devices: '4', seconds: '0.3', 'no-peers': true })
  if (!['sqlite', 'postgres', 'both'].includes(values.storage)) throw new TypeError(`--storage is sqlite, postgres or both, not ${values.storage}`)
  return {
    ...values,
    devices: number('devices', values.devices, 1, 400),
    seconds: number('seconds', values.seconds, 0.1, 600),
    repetitions: number('repetitions', values.repetitions, 1, 100),
    writers: number('writers', values.writers, 1, 100),
  }
}

const say = (line) => process.stderr.write(`${line}\n`)

async function onSqlite(program, options) {
  const folder = mkdtempSync(join(tmpdir(), 'tidelog-load-'))
  const server = await startServer(program, join(folder, 'logs.sqlite'))
  try {
    return { storage: 'SQLite', ...(await scenarios(server, options)) }
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function onPostgres(program, postgres, options) {
  const server = await startServer(program, postgres.database('load'))
  try {
    return { storage: 'PostgreSQL', ...(await scenarios(server, options)) }
  } finally {
    await server.stop()
  }
}

async function run() {
  const options = asked()
  const program = process.env.TIDELOG_SERVER_BIN
  if (!program) throw new TypeError('TIDELOG_SERVER_BIN is not set: run `cargo xtask load`')
  const programs = process.env.TIDELOG_POSTGRES_BIN
  const wantsPostgres = options.storage !== 'sqlite'
  if (wantsPostgres && !programs) throw new TypeError('TIDELOG_POSTGRES_BIN is not set: there is no PostgreSQL')
  const postgres = wantsPostgres ? startPostgres(programs) : undefined
  try {
    const result = { machine: machine({ program, postgres }), devices: options.devices, seconds: options.seconds, storages: [] }
    if (options.storage !== 'postgres') {
      say('SQLite')
      result.storages.push(await onSqlite(program, options))
    }
    if (postgres) {
      say('PostgreSQL')
      result.storages.push(await onPostgres(program, postgres, options))
      if (!options['no-peers']) {
        const { compare } = await import('./peers/compare.js')
        result.compared = await compare({ ...options, seconds: Math.min(options.seconds, 2), postgres, program, say })
      }
    }
    const text = page(result)
    if (options.json) writeFileSync(options.json, `${JSON.stringify(result, undefined, 2)}\n`)
    if (options.page) writeFileSync(options.page, text)
    process.stdout.write(text)
  } finally {
    disconnect()
    postgres?.stop()
  }
}

try {
  await run()
} catch (error) {
  say(`load: ${error instanceof TypeError ? error.message : (error.stack ?? error)}`)
  process.exitCode = 1
}
