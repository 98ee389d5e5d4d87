/** What a server has acknowledged survives its death, and that of its database; what it has not arrives later: once, whenever they die. */
import { join } from 'node:path'
import { test } from 'node:test'
import { kills, nothingIsLost, theServer } from './kit/deaths.js'
import { postgresFor, withoutPostgres } from './kit/postgres.js'
import { scratch } from './kit/scratch.js'
import { until } from './kit/until.js'

test('the server over SQLite is killed while two devices push: nothing is lost, nothing doubled', { timeout: 900_000 }, async (test) => {
  const database = join(scratch(test), 'server.sqlite')
  await nothingIsLost(test, { database, rounds: kills(8), die: theServer(database) })
})

test('the server over PostgreSQL is killed: nothing is lost, nothing doubled', { timeout: 900_000, skip: withoutPostgres }, async (test) => {
  const database = postgresFor(test).database('logs')
  await nothingIsLost(test, { database, rounds: kills(5), die: theServer(database) })
})

test('PostgreSQL is killed under the server: nothing is lost, nothing doubled', { timeout: 900_000, skip: withoutPostgres }, async (test) => {
  const postgres = postgresFor(test)
  const die = async (server, round) => {
    // By turns a process that serves the server, after which PostgreSQL recovers by itself, and all of it.
    if (round % 2 === 0) await until('a session of the server to kill', () => postgres.killSession('logs', 'tidelog-server'))
    else {
      postgres.crash()
      postgres.resume()
    }
    return server
  }
  await nothingIsLost(test, { database: postgres.database('logs'), rounds: kills(2), die })
})
