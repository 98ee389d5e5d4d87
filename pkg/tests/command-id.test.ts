/** Commands that have a name, over the real wasm. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { aggregate, DomainError, isTidelogError, open } from '../src/node.js'

type Add = { type: 'Add'; data: number } | { type: 'Refuse' }
type Added = { type: 'Added'; data: number }

const counter = aggregate({
  name: 'counter',
  initialState: 0,
  decide(command: Add): Added[] {
    if (command.type === 'Refuse') throw new DomainError('no', 'no')
    return command.data === 0 ? [] : [{ type: 'Added', data: command.data }]
  },
  evolve: (sum, event: Added): number => sum + event.data,
})

it('a command that is given twice has one receipt and one effect', async () => {
  const tidelog = await open({ name: 'test', storage: 'memory', aggregates: [counter] })
  const add = (id: string, commandId: string, data = 5) => tidelog.execute(counter, id, { type: 'Add', data }, { commandId })
  const receipts = await Promise.all(Array.from({ length: 10 }, () => add('a', 'click 17')))
  for (const { commitId, version, events } of receipts) {
    assert.deepEqual({ commitId, version, events }, { commitId: receipts[0]!.commitId, version: 1, events: receipts[0]!.events })
  }
  assert.equal((await receipts[9]!.confirmed).status, 'confirmed')
  assert.equal((await tidelog.load(counter, 'a')).state, 5)
  await add('b', 'click 17')
  assert.equal((await tidelog.load(counter, 'b')).state, 5)

  const uuid = '0191b3a4-7c1e-7a52-9f3b-6d6f0c2f1e00'
  assert.equal((await add('a', uuid, 1)).commitId, uuid)
  assert.equal((await add('a', uuid, 1)).version, 2)
  assert.deepEqual((await add('a', 'nothing', 0)).events, [])
  const appended = await tidelog.append('note-1', { type: 'Noted', data: 1 }, { commandId: 'note' })
  assert.equal((await tidelog.append('note-1', { type: 'Noted', data: 2 }, { commandId: 'note' })).commitId, appended.commitId)
  assert.equal(tidelog.version('note-1'), 1)
  tidelog.close()
})

it('a name that is none is refused', async () => {
  const tidelog = await open({ name: 'test', storage: 'memory', aggregates: [counter] })
  for (const commandId of ['', 'ü'.repeat(65), 7 as unknown as string]) {
    const failed = tidelog.execute(counter, 'a', { type: 'Add', data: 1 }, { commandId })
    await assert.rejects(failed, (error) => isTidelogError(error, 'invalid-argument') && error.details.argument === 'commandId')
  }
  tidelog.close()
})
