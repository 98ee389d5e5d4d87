/** A PostgreSQL of a measurement's or a test's own, with its default settings: an answered commit is on the disk. */
import { spawnSync } from 'node:child_process'
import { chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Starts one; `programs` is the folder of `initdb` and its siblings. */
export function startPostgres(programs) {
  const folder = mkdtempSync(join(tmpdir(), 'tidelog-load-'))
  const id = (of) => Number(spawnSync('id', [of, 'postgres']).stdout) || Number(spawnSync('id', [of, 'nobody']).stdout)
  // It refuses to run as root.
  const user = process.getuid() === 0 ? { uid: id('-u'), gid: id('-g') } : {}
  if (user.uid) chownSync(folder, user.uid, user.gid)
  const log = join(folder, 'log')
  const env = { ...process.env, PGDATA: join(folder, 'data') }
  const run = (program, ...args) => {
    const { status, error } = spawnSync(join(programs, program), args, { cwd: folder, env, stdio: 'ignore', ...user })
    if (status !== 0) throw new Error(`${program} failed: ${error?.message ?? readFileSync(log, 'utf8')}`)
  }
  const options = `-c listen_addresses= -c unix_socket_directories=${folder} -c max_connections=200`
  const start = () => run('pg_ctl', 'start', '--wait', '--timeout=120', '--silent', '--log', log, '--options', options)
  const end = () => run('pg_ctl', 'stop', '--wait', '--timeout=120', '--silent', '--mode=immediate')
  run('initdb', '--no-sync', '--auth=trust', '--username=postgres', '--encoding=UTF8', '--locale=C')
  start()
  let runs = true
  return {
    programs,
    folder,
    version: spawnSync(join(programs, 'postgres'), ['--version'], { encoding: 'utf8' }).stdout.trim(),
    /** Makes an empty database; its address is that of libpq. */
    database(name) {
      run('createdb', '-h', folder, '-U', 'postgres', name)
      return `postgres://postgres@/${name}?host=${folder}`
    },
    /** As the power failing, for the database: no process of it goes on, nothing is written any more. `resume` starts it again. */
    crash() {
      end()
      runs = false
    },
    resume() {
      start()
      runs = true
    },
    /**
     * Kills a process that serves a client of a database, one in a transaction if there is one. PostgreSQL then ends those of all clients, and
     * recovers by itself. False if there was none to kill, or it could not be asked.
     */
    killSession(database, client) {
      const one = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = '${client}'
                   ORDER BY xact_start IS NULL, random() LIMIT 1`
      const { status, stdout } = spawnSync(join(programs, 'psql'), ['-h', folder, '-U', 'postgres', '-d', database, '-Atc', one], { encoding: 'utf8' })
      if (status !== 0 || !(Number(stdout) > 1)) return false
      try {
        return process.kill(Number(stdout), 'SIGKILL')
      } catch (error) {
        // It has ended meanwhile.
        if (error.code === 'ESRCH') return false
        throw error
      }
    },
    stop() {
      if (runs) end()
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
