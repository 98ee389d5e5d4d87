import { aggregate, isTidelogError, open, processManager } from 'tidelog'

type Add = { type: 'Add'; data: { amount: number } }
type Added = { type: 'Added'; data: { amount: number } }

const counter = aggregate({
  name: 'counter',
  initialState: { total: 0 },
  decide(command: Add): Added {
    if (command.data.amount <= 0) throw new Error('add something')
    return { type: 'Added', data: command.data }
  },
  evolve: (state, event: Added) => ({ total: state.total + event.data.amount }),
})

const counting = processManager({ name: 'counting', initialState: 0, correlate: (event: Added) => ({ start: event.type }), react: () => [] })

const output = document.querySelector('#total')!
try {
  const tidelog = await open({ name: 'fresh', aggregates: [counter], processes: [counting], marks: true })
  await tidelog.execute(counter, 'visits', { type: 'Add', data: { amount: 1 } })
  await tidelog.execute(counter, 'visits', { type: 'Add', data: { amount: 0 } }).catch((error: unknown) => {
    if (!isTidelogError(error, 'refused')) throw error
  })
  const { state } = await tidelog.load(counter, 'visits')
  const total: number = state.total
  // What is loaded by its first use.
  const { result } = await tidelog.replay(counter).finished
  if (result.get('counter-visits')?.total !== total) throw new Error('a replay comes to another state')
  if (!(await tidelog.export().text()).includes('counter-visits')) throw new Error('the export is not whole')
  const { position } = await tidelog.processes.status(counting)
  if (!Number.isInteger(position)) throw new Error('the process does not stand anywhere')
  output.textContent = `visit ${total}, kept in ${tidelog.storage.report.kind}`
} catch (error) {
  output.textContent = `failed: ${String(error)}`
}
