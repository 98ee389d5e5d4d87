/** Results as a page. */

const whole = (number) => Math.round(number).toLocaleString('en-US')
const time = (milliseconds) => (milliseconds === undefined ? '–' : milliseconds.toFixed(milliseconds < 10 ? 1 : 0))
const table = (head, rows) => [`| ${head.join(' | ')} |`, `|${head.map((_, column) => (column === 0 ? '---' : '---:')).join('|')}|`, ...rows.map((row) => `| ${row.join(' | ')} |`)].join('\n')

function storage({ storage, results, memory }) {
  const rows = results.map((it) => [it.name, `${whole(it.perSecond)} ${it.unit}s`, time(it.p50), time(it.p95), time(it.p99), it.memory ? whole(it.memory) : '–'])
  return `## ${storage}\n\n${table(['', 'in a second', 'p50 ms', 'p95 ms', 'p99 ms', 'memory MB'], rows)}\n\nThe most memory that the server took: ${memory ? `${whole(memory)} MB` : 'not told by this system'}.`
}

function comparison({ writers, seconds, repetitions, compared }) {
  const rows = compared.flatMap(({ name, results }) =>
    results.map(({ store, perSecond, p50, p99, ratio }, index) => [
      index === 0 ? name : '',
      store,
      whole(perSecond.median),
      `${whole(perSecond.least)} – ${whole(perSecond.most)}`,
      ratio.toFixed(2),
      time(p50),
      time(p99),
    ]),
  )
  return `## Beside other stores on the same PostgreSQL

${writers} writers, each with a stream of its own and the version that it expects; the median of ${repetitions} repetitions of ${seconds} s in shuffled order, with the least
and the most. Each append is durable when it is answered. The ratio is to Tidelog's median: below 1 is slower.

${table(['', 'store', 'events/s', 'spread', 'ratio', 'p50 ms', 'p99 ms'], rows)}

They do not do the same. Tidelog is asked over HTTP by what a device sends: the server checks a token, bounds, the ids of commit and events against all that
the log has, and gives positions without a gap, so that pushes to one log go one after another. A push is two round trips to the database (begin,
lock and ask what is known; write and commit), whatever its size, and pushes that wait for the same log share them. So many events in a push cost
little more than one. \`write_message\` is called in
the database, by a connection for each writer, and is one question; it locks the category. Emmett's store runs in the process of the writers, and
locks nothing but the stream.`
}

/** The page, from what \`main.js\` has measured. */
export function page({ machine, devices, seconds, storages, compared }) {
  const facts = Object.entries(machine).filter(([, value]) => value).map(([key, value]) => `${key}: ${value}`)
  return `# Load

Made by \`cargo xtask load\`. ${devices} devices on the same machine as the server and its database, over loopback, each scenario for ${seconds} s. A device sends its next
request when the last is answered, so the times are those of a server with ${devices} requests at once; the devices take their share of the processors. \`load before\` is how many
processes wanted a processor in the minute before: above the number of processors, others took theirs too, and the times are longer than they need be.

${facts.join(' · ')}

${storages.map(storage).join('\n\n')}

**push**: a request with one commit of one event, or with 100 such commits. **pull**: a request for a page; devices that are new read a log of 5,000 events over and over.
**poke**: from the beginning of a push on one device to the arrival of its event on another that follows the log. Memory: the server alone, after the scenario.
${compared ? `\n${comparison(compared)}\n` : ''}`
}
