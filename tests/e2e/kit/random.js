/** Numbers that look random and can be had again: from `TIDELOG_SEED`, or a new seed that is printed. */

/** A generator for one test; its seed is in the test's report. */
export function seeded(test) {
  const seed = Number(process.env.TIDELOG_SEED ?? Math.floor(Math.random() * 2 ** 32)) >>> 0
  test.diagnostic(`TIDELOG_SEED=${seed}`)
  return generator(seed)
}

/** mulberry32: `fraction()` from 0 up to 1, `below(n)` an integer from 0 up to n - 1. */
export function generator(seed) {
  let state = seed >>> 0
  const fraction = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return { fraction, below: (limit) => Math.floor(fraction() * limit) }
}
