/** Tidelog: the server over PostgreSQL, by HTTP. A category is a log. */
import { Device } from '../device.js'
import { startServer } from '../server.js'

export async function tidelog({ postgres, program, writers, categories }) {
  const server = await startServer(program, postgres.database('tidelog'))
  let round = 0
  let devices
  return {
    name: 'Tidelog (over HTTP)',
    /** Writers of a new round write to streams of their own. */
    begin(spreadOver = categories) {
      round += 1
      devices = Array.from({ length: writers }, (_, number) => new Device(server.url, `load-${number % spreadOver}`, `${round}-${number}`))
    },
    /** Appends to the writer's stream, at the version that it stands at. */
    append: (writer, events) => devices[writer].push({ events }),
    stop: () => server.stop(),
  }
}
