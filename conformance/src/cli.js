#!/usr/bin/env node
/** `tidelog-conformance URL`: a line per rule, and what the server breaks. */
import { parseArgs } from 'node:util'
import { conformance } from './suite.js'

const usage = `tidelog-conformance URL [options]: tries every rule of Tidelog's sync protocol on a server

  URL             where the server is: the part before /logs/…
  --token TOKEN   a bearer token that may read and write logs named conformance-… (default: $TIDELOG_TOKEN, else none)
  --only PATTERN  only rules whose id matches this regular expression
  --json          a JSON object a line instead of text

It leaves logs named conformance-… on the server. It ends with 0 if no rule is broken, 1 if one is, 2 if it could not run.`

const marks = { holds: 'ok  ', broken: 'FAIL', 'not tried': 'skip', failed: 'FAIL' }

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { token: { type: 'string' }, only: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
  })
  if (values.help) {
    console.log(usage)
    return 0
  }
  if (positionals.length !== 1 || !URL.canParse(positionals[0])) throw new Error('it takes one URL')
  const token = values.token ?? process.env.TIDELOG_TOKEN
  const only = values.only === undefined ? undefined : new RegExp(values.only)
  const counts = { holds: 0, broken: 0, 'not tried': 0, failed: 0 }
  for await (const one of conformance({ url: positionals[0], ...(token ? { token } : {}), ...(only ? { only } : {}) })) {
    counts[one.result]++
    if (values.json) console.log(JSON.stringify(one))
    else {
      console.log(`${marks[one.result]}  ${one.id}`)
      if (one.result !== 'holds') console.log(`      ${one.says}\n      ${one.why}`)
    }
  }
  const tried = counts.holds + counts.broken + counts.failed
  if (tried === 0) throw new Error('no rule was tried')
  if (!values.json) console.log(`\n${tried} rules tried: ${counts.holds} hold, ${counts.broken + counts.failed} do not; ${counts['not tried']} not tried`)
  return counts.broken + counts.failed > 0 ? 1 : 0
}

main().then(
  (code) => (process.exitCode = code),
  (error) => {
    console.error(`tidelog-conformance: ${error.message}\n\n${usage}`)
    process.exitCode = 2
  },
)
