import { expect, test } from 'vitest'
import { until } from '../src/until'

/** A live value, and how many are subscribed to it. */
function cell(value: number) {
  const runs = new Set<(value: number) => void>()
  return {
    runs,
    set: (next: number) => [...runs].forEach((run) => run(next)),
    subscribe(run: (value: number) => void) {
      runs.add(run)
      run(value)
      return () => void runs.delete(run)
    },
  }
}

test('resolves at once if it is so already, and lets go', async () => {
  const live = cell(5)
  await until(live, (value) => value === 5)
  expect(live.runs.size).toBe(0)
})

test('resolves when it becomes so, and lets go', async () => {
  const live = cell(1)
  const reached = until(live, (value) => value > 2)
  live.set(2)
  expect(live.runs.size).toBe(1)
  live.set(3)
  await reached
  expect(live.runs.size).toBe(0)
})
