/** A page without a bundler: counts how often it was loaded. */
import { aggregate, open } from '/tidelog/index.js'

const counter = aggregate({
  name: 'counter',
  initialState: { total: 0 },
  decide: (command) => ({ type: 'Added', data: command.data }),
  evolve: (state, event) => ({ total: state.total + event.data.amount }),
})

const output = document.querySelector('#total')
try {
  const tidelog = await open({ name: 'plain', aggregates: [counter] })
  await tidelog.execute(counter, 'visits', { type: 'Add', data: { amount: 1 } })
  const { state } = await tidelog.load(counter, 'visits')
  output.textContent = `visit ${state.total}, kept in ${tidelog.storage.report.kind}`
} catch (error) {
  output.textContent = `failed: ${error}`
}
