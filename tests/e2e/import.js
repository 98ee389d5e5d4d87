#!/usr/bin/env node
/**
 * `cargo xtask import --oulad DIR [--modules BBB,CCC]`: learning records of DIR go through the whole path in real Chromium against the
 * real server, with the events per second of each leg. `TIDELOG_SERVER_BIN` and `TIDELOG_CHROMIUM` say where those are.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus, release, tmpdir, totalmem, type } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const usage = 'usage: cargo xtask import --oulad DIR [--modules BBB,CCC]'
const source = 'DIR holds assessments.csv, studentRegistration.csv and studentAssessment.csv of the Open University Learning Analytics\nDataset (https://analyse.kmi.open.ac.uk/open_dataset). tests/data/oulad holds module AAA of it: try that.'

async function main() {
  const { data, modules } = settings()
  const { importRecords } = await import('./kit/import.js')
  const { assertSameScores, modulesIn, readData, scoresFromFiles } = await import('./kit/oulad.js')
  const places = await import('./kit/places.js')
  const texts = readData(data)
  const there = modulesIn(texts)
  const unknown = modules?.find((module) => !there.includes(module))
  if (unknown) throw wrong(`there is no module ${unknown} in ${data}; there are ${there.join(', ')}`)
  const expected = scoresFromFiles(texts, modules)

  places.packageFolder()
  const server = places.serverBinary()
  const browser = places.chromiumBinary()
  const say = (name, text) => console.log(`${name.padEnd(10)}${text}`)
  say('machine', `${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}`)
  say('versions', [versionOf(browser), versionOf(server), `tidelog ${packageVersion(places)}`, `Node.js ${process.versions.node}`].join(', '))
  say('data', `${data}: ${(modules ?? there).join(', ')}, ${expected.rows.size.toLocaleString('en')} enrolments, ${expected.events.toLocaleString('en')} events`)

  const folder = mkdtempSync(join(tmpdir(), 'tidelog-import-'))
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 20 })
  try {
    const progress = display()
    const { total, rows, logs, ...figures } = await importRecords({ folder, data, modules, onProgress: progress.show, within: 900_000 })
    progress.end()
    const legs = {
      append: 'into IndexedDB on the first device, one commit an event',
      push: 'to the server, until it has confirmed them all on the first device',
      pull: 'into IndexedDB on a second device that began with nothing',
      rebuild: 'the projection of all weighted scores, from the log',
    }
    for (const [leg, what] of Object.entries(legs)) {
      const rate = Math.round((total / figures[leg]) * 1_000).toLocaleString('en')
      say(leg, `${rate.padStart(9)} events/s  ${(figures[leg] / 1_000).toFixed(2).padStart(7)} s  ${what}`)
    }
    if (logs.differing.length > 0 || logs.events !== expected.events) throw wrong(`the logs differ: ${JSON.stringify(logs)}, expected ${expected.events} events`)
    assertSameScores(rows, expected)
    say('verified', `both devices and the server hold the same ${total.toLocaleString('en')} events; ${rows.length.toLocaleString('en')} weighted scores equal those computed from the files`)
  } finally {
    remove()
  }
}

function settings() {
  let values
  try {
    ;({ values } = parseArgs({ options: { oulad: { type: 'string' }, modules: { type: 'string' }, help: { type: 'boolean' } } }))
  } catch (error) {
    throw wrong(`${error.message}\n${usage}`)
  }
  if (values.help) {
    console.log(`${usage}\n${source}`)
    process.exit(0)
  }
  if (!values.oulad) throw wrong(`which folder holds the records? ${usage}\n${source}`)
  const modules = values.modules?.split(',').filter(Boolean)
  return { data: resolve(values.oulad), modules: modules?.length ? modules : undefined }
}

/** A mistake of whoever called: its message says it all. */
function wrong(message) {
  const error = new Error(message)
  error.name = 'Wrong'
  return error
}

/** One line that is written over on a terminal, and now and then a line elsewhere. */
function display() {
  let last = 0
  const show = (leg, done, total) => {
    const line = `${leg.padEnd(10)}${done.toLocaleString('en')} of ${total.toLocaleString('en')} (${Math.floor((100 * done) / total)} %)`
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`)
    else if (Date.now() - last >= 5_000) {
      last = Date.now()
      console.error(line)
    }
  }
  return { show, end: () => process.stderr.isTTY && process.stderr.write('\r\x1b[K') }
}

const versionOf = (program) => execFileSync(program, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()

const packageVersion = ({ inRepository }) => JSON.parse(readFileSync(inRepository('pkg/package.json'), 'utf8')).version

try {
  await main()
} catch (error) {
  console.error(`import: ${error.message}`)
  if (error.code === 'ERR_MODULE_NOT_FOUND') console.error('Something is not installed: run `npm install` in the root of the repository, or `cargo xtask import`.')
  else if (error.name === 'NoData') console.error(source)
  else if (error.name !== 'Missing' && error.name !== 'Wrong') console.error(error.stack)
  process.exitCode = 1
}
