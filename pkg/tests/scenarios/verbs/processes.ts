/** Process managers. */
import type { ProcessState } from '../../../src/index.js'
import type { Verbs } from './verb.js'

export const processVerbs: Verbs = {
  act: {
    takes: [],
    async run({ processes }) {
      for (let round = 0; round < 100; round++) if (!(await processes.advance()).changed) return
      throw new Error('the processes do not come to rest')
    },
  },
  processes: {
    takes: ['process', 'status'],
    run: (device, { process, status }, stage) => device.processes.list(stage.process(process), status === undefined ? {} : { status: status as ProcessState }),
  },
  process: { takes: ['process', 'id'], run: (device, { process, id }, stage) => device.processes.get(stage.process(process), id as string) },
  processStatus: { takes: ['process'], run: (device, { process }, stage) => device.processes.status(stage.process(process)) },
  retryProcess: { takes: ['process', 'id'], run: (device, { process, id }, stage) => device.processes.retry(stage.process(process), id as string) },
}
