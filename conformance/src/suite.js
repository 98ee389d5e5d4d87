/** The rules of the sync protocol, tried on a server over HTTP. docs/protocol.md of Tidelog is what they are taken from. */
import { NotTried } from './check.js'
import { Server } from './client.js'
import { archive } from './rules/archive.js'
import { bounds } from './rules/bounds.js'
import { concurrency } from './rules/concurrency.js'
import { follow } from './rules/follow.js'
import { history } from './rules/history.js'
import { http } from './rules/http.js'
import { news } from './rules/news.js'
import { outcomes } from './rules/outcomes.js'
import { producers } from './rules/producers.js'
import { pulls } from './rules/pull.js'
import { pushes } from './rules/push.js'
import { versions } from './rules/versions.js'

/**
 * What is tried. Each rule has logs of its own, so they may run in any order, and on a server that is in use.
 *
 * @type {readonly { id: string, says: string, run(on: object): Promise<void> }[]}
 */
export const rules = [...http, ...versions, ...pushes, ...outcomes, ...bounds, ...pulls, ...concurrency, ...producers, ...history, ...news, ...follow, ...archive]

/**
 * Tries every rule on a server, one after the other.
 *
 * @param {object} options
 * @param {string} options.url Where the server is: the part before `/logs/…`.
 * @param {string} [options.token] A bearer token that may read and write logs named `conformance-…`. Without it the server must be open.
 * @param {RegExp} [options.only] Only rules whose id matches.
 * @param {() => Promise<void>} [options.backup] Makes a backup of the server's data.
 * @param {() => Promise<void>} [options.restore] Puts the server back to the backup, at the same address. Without these two the rule
 *   about restored servers is not tried.
 * @param {(log: string, before: number) => Promise<void>} [options.archive] Archives the streams of a log whose last event lies before a
 *   position. Without it the rules about archived streams are not tried.
 * @yields {{ id: string, says: string, result: 'holds' | 'broken' | 'not tried' | 'failed', why?: string, milliseconds: number }} One result a
 *   rule. `broken`: the server does something else; `not tried`: the server does not offer what the rule is about, or the suite was not told how;
 *   `failed`: the suite itself did.
 */
export async function* conformance({ url, token, only, backup, restore, archive: archives }) {
  const server = new Server(url, token)
  for (const { id, says, run } of rules) {
    if (only && !only.test(id)) continue
    const began = performance.now()
    let result = 'holds'
    let why
    try {
      await run({ server, log: () => server.newLog(), backup, restore, archive: archives })
    } catch (thrown) {
      result = thrown instanceof NotTried ? 'not tried' : thrown?.name === 'Broken' ? 'broken' : 'failed'
      why = result === 'failed' ? (thrown?.stack ?? String(thrown)) : thrown.message
    }
    yield { id, says, result, ...(why === undefined ? {} : { why }), milliseconds: Math.round(performance.now() - began) }
  }
}
