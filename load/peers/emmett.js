/** Emmett (https://github.com/event-driven-io/emmett): its store over PostgreSQL, by a pool with a connection for each writer. */
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql'
import pg from 'pg'
import { answer, id, origin, TYPE } from '../events.js'

export async function emmett({ postgres, writers }) {
  const address = postgres.database('emmett')
  const pool = new pg.Pool({ host: postgres.folder, user: 'postgres', database: 'emmett', max: writers })
  const store = getPostgreSQLEventStore(address, { connectionOptions: { pool } })
  await store.schema.migrate()
  let round = 0
  let streams
  return {
    name: 'Emmett, appendToStream',
    begin() {
      round += 1
      streams = Array.from({ length: writers }, (_, number) => ({ name: `load-${round}-${number}`, version: 0n, device: id() }))
    },
    async append(writer, count) {
      const stream = streams[writer]
      const metadata = origin(stream.device)
      const events = Array.from({ length: count }, (_, index) => ({ type: TYPE, data: answer(Number(stream.version) + index), metadata }))
      const expectedStreamVersion = stream.version === 0n ? 'STREAM_DOES_NOT_EXIST' : stream.version
      const { nextExpectedStreamVersion } = await store.appendToStream(stream.name, events, { expectedStreamVersion })
      stream.version = nextExpectedStreamVersion
    },
    async stop() {
      await store.close()
      await pool.end()
    },
  }
}
