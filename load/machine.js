/** On what it was measured. */
import { spawnSync } from 'node:child_process'
import { cpus, loadavg, release, totalmem, type } from 'node:os'

const said = (program, ...args) => spawnSync(program, args, { encoding: 'utf8' }).stdout?.trim()

export function machine({ program, postgres }) {
  const [processor] = cpus()
  return {
    when: new Date().toISOString().slice(0, 10),
    processor: `${cpus().length} × ${processor?.model.trim() ?? 'unknown'}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${type()} ${release()}`,
    /** What else the machine did: processes that wanted a processor in the minute before. */
    'load before': loadavg()[0].toFixed(1),
    node: process.version,
    server: said(program, '--version'),
    postgres: postgres?.version,
  }
}
