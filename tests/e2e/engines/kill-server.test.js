/** What a server has acknowledged survives its death, and what it has not arrives later, also with Firefox and WebKit. */
import { join } from 'node:path'
import { test } from 'node:test'
import { kills, nothingIsLost, theServer } from '../kit/deaths.js'
import { scratch } from '../kit/scratch.js'

test('the server is killed while Firefox and WebKit push: nothing is lost, nothing doubled', { timeout: 900_000 }, async (test) => {
  const database = join(scratch(test), 'server.sqlite')
  await nothingIsLost(test, { database, rounds: kills(5), die: theServer(database), start: { phone: 'firefox', tablet: 'webkit' } })
})
