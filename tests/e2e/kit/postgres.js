/** A PostgreSQL of one test's own, which the test may let die. */
import { startPostgres } from '../../../load/postgres.js'
import { atEnd } from './ending.js'

/** Why tests over PostgreSQL are left out; false if they are not. `TIDELOG_POSTGRES_BIN` is the folder of its programs. */
export const withoutPostgres = process.env.TIDELOG_POSTGRES_BIN ? false : 'TIDELOG_POSTGRES_BIN is not set: there is no PostgreSQL'

/** Starts one that is gone after the test. */
export function postgresFor(test) {
  const postgres = startPostgres(process.env.TIDELOG_POSTGRES_BIN)
  atEnd(test, () => postgres.stop())
  return postgres
}
