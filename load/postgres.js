/** A PostgreSQL of the measurement's own, with its default settings: an answered commit is on the disk. */
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
  run('initdb', '--no-sync', '--auth=trust', '--username=postgres', '--encoding=UTF8', '--locale=C')
  run('pg_ctl', 'start', '--wait', '--timeout=120', '--silent', '--log', log, '--options', `-c listen_addresses= -c unix_socket_directories=${folder} -c max_connections=200`)
  return {
    programs,
    folder,
    version: spawnSync(join(programs, 'postgres'), ['--version'], { encoding: 'utf8' }).stdout.trim(),
    /** Makes an empty database; its address is that of libpq. */
    database(name) {
      run('createdb', '-h', folder, '-U', 'postgres', name)
      return `postgres://postgres@/${name}?host=${folder}`
    },
    stop() {
      run('pg_ctl', 'stop', '--wait', '--silent', '--mode=immediate')
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
