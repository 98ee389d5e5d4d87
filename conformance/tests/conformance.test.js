/** The suite on three servers: what it says of each is what each claims. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { conformance, rules } from '../src/suite.js'
import { folderFor, overPostgres, overSqlite, own, TOKEN } from './servers.js'

/** Tries all rules; every one must hold, but for those that the server does not claim. */
async function holds(test, server, notTried) {
  const results = []
  try {
    for await (const one of conformance({ ...server, token: TOKEN })) {
      if (one.result !== 'holds') test.diagnostic(`${one.result}  ${one.id}: ${one.why}`)
      results.push(one)
    }
  } finally {
    await server.stop()
  }
  test.diagnostic(`${results.filter(({ result }) => result === 'holds').length} of ${results.length} rules hold`)
  assert.equal(results.length, rules.length)
  const broken = results.filter(({ result }) => result === 'broken' || result === 'failed')
  assert.deepEqual(broken, [])
  assert.deepEqual(results.filter(({ result }) => result === 'not tried').map(({ id }) => id), notTried)
}

test('the reference server over SQLite', { timeout: 180_000 }, async (test) => {
  await holds(test, await overSqlite(folderFor(test)), [])
})

const skip = process.env.TIDELOG_POSTGRES_BIN ? false : 'TIDELOG_POSTGRES_BIN is not set: there is no PostgreSQL'
test('the reference server over PostgreSQL', { timeout: 180_000, skip }, async (test) => {
  await holds(test, await overPostgres(folderFor(test)), ['history/restored'])
})

test('a server in plain Node.js', { timeout: 180_000 }, async (test) => {
  await holds(test, await own(folderFor(test)), ['news/stream', 'news/resume', 'follow/stream', ...rules.filter(({ id }) => id.startsWith('archive/')).map(({ id }) => id)])
})

/** Runs the command; resolves to its exit code and what it printed. */
function command(...args) {
  const child = spawn(process.execPath, [fileURLToPath(new URL('../src/cli.js', import.meta.url)), ...args])
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (printed += text))
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, printed })))
}

test('the command prints a line per rule and ends with 1 if one is broken', { timeout: 120_000 }, async (test) => {
  const folder = folderFor(test)
  const server = await own(folder)
  test.after(() => server.stop())
  const good = await command(server.url, '--token', TOKEN, '--only', '^push/(again|committed)$')
  assert.deepEqual([good.code, good.printed], [0, 'ok    push/committed\nok    push/again\n\n2 rules tried: 2 hold, 0 do not; 0 not tried\n'])
  const bad = await command(server.url, '--token', 'another', '--only', '^push/again$')
  assert.equal(bad.code, 1)
  assert.match(bad.printed, /FAIL {2}push\/again[^]*401/)
  const json = await command(server.url, '--token', TOKEN, '--only', '^push/again$', '--json')
  assert.equal(JSON.parse(json.printed).result, 'holds')
})

test('the command says what it can not do and ends with 2', { timeout: 60_000 }, async () => {
  for (const args of [[], ['not a url'], ['http://127.0.0.1:1', '--only', 'no-such-rule'], ['--unknown']]) {
    const { code, printed } = await command(...args)
    assert.equal(code, 2, args.join(' '))
    assert.match(printed, /^tidelog-conformance: /)
  }
})
