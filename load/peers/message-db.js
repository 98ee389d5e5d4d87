/**
 * message-db (https://github.com/message-db/message-db): its function `write_message`, by a pool with a connection for each writer. Several
 * events are one statement, so that they are one transaction and one round trip. A category is a category.
 */
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { answer, id, origin, TYPE } from '../events.js'

const ONE = 'SELECT write_message($1, $2, $3, $4::jsonb, $5::jsonb, $6::bigint)'
const MANY = `SELECT write_message(m.id, $1, m.type, m.data, m.metadata, m.version)
  FROM unnest($2::varchar[], $3::varchar[], $4::jsonb[], $5::jsonb[], $6::bigint[]) AS m (id, type, data, metadata, version)`

export async function messageDb({ postgres, writers, categories }) {
  const folder = join(dirname(createRequire(import.meta.url).resolve('@eventide/message-db/package.json')), 'database')
  const env = { ...process.env, PATH: `${postgres.programs}:${process.env.PATH}`, PGHOST: postgres.folder, PGUSER: 'postgres', DATABASE_NAME: 'message_store' }
  const { status, stderr } = spawnSync('bash', [join(folder, 'install.sh')], { env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`message-db could not be installed: ${stderr}`)
  const pool = new pg.Pool({ host: postgres.folder, user: 'postgres', database: 'message_store', max: writers, options: '-c search_path=message_store,public' })
  let round = 0
  let streams
  return {
    name: 'message-db, write_message',
    begin(spreadOver = categories) {
      round += 1
      streams = Array.from({ length: writers }, (_, number) => ({ name: `load${number % spreadOver}-${round}x${number}`, version: -1, device: id() }))
    },
    async append(writer, count) {
      const stream = streams[writer]
      const first = stream.version
      stream.version += count
      if (count === 1) {
        const values = [id(), stream.name, TYPE, JSON.stringify(answer(first + 1)), JSON.stringify(origin(stream.device)), first]
        await pool.query({ name: 'one', text: ONE, values })
        return
      }
      const metadata = JSON.stringify(origin(stream.device))
      const rows = Array.from({ length: count }, (_, index) => first + index)
      const each = (value) => rows.map(value)
      const values = [stream.name, each(() => id()), each(() => TYPE), each((at) => JSON.stringify(answer(at + 1))), each(() => metadata), rows]
      await pool.query({ name: 'many', text: MANY, values })
    },
    stop: () => pool.end(),
  }
}
