/** A page without a bundler: counts how often it was loaded. */
import { aggregate, open, processManager } from '/tidelog/index.js'

const counter = aggregate({
  name: 'counter',
  initialState: { total: 0 },
  decide: (command) => ({ type: 'Added', data: command.data }),
  evolve: (state, event) => ({ total: state.total + event.data.amount }),
})

const counting = processManager({ name: 'counting', initialState: 0, correlate: ({ stream }) => ({ start: stream }), react: () => [] })

const output = document.querySelector('#total')
try {
  const tidelog = await open({ name: 'plain', aggregates: [counter], processes: [counting], marks: true })
  await tidelog.execute(counter, 'visits', { type: 'Add', data: { amount: 1 } })
  const { state } = await tidelog.load(counter, 'visits')
  // What is loaded by its first use.
  const { result } = await tidelog.replay(counter).finished
  if (result.get('counter-visits')?.total !== state.total) throw new Error('a replay comes to another state')
  if (!(await tidelog.export().text()).includes('counter-visits')) throw new Error('the export is not whole')
  const { position } = await tidelog.processes.status(counting)
  if (!Number.isInteger(position)) throw new Error('the process does not stand anywhere')
  output.textContent = `visit ${state.total}, kept in ${tidelog.storage.report.kind}`
} catch (error) {
  output.textContent = `failed: ${error}`
}
