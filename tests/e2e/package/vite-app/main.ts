import { aggregate, isTidelogError, open } from 'tidelog'

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

const output = document.querySelector('#total')!
try {
  const tidelog = await open({ name: 'fresh', aggregates: [counter] })
  await tidelog.execute(counter, 'visits', { type: 'Add', data: { amount: 1 } })
  await tidelog.execute(counter, 'visits', { type: 'Add', data: { amount: 0 } }).catch((error: unknown) => {
    if (!isTidelogError(error, 'refused')) throw error
  })
  const { state } = await tidelog.load(counter, 'visits')
  const total: number = state.total
  output.textContent = `visit ${total}, kept in ${tidelog.storage.report.kind}`
} catch (error) {
  output.textContent = `failed: ${String(error)}`
}
