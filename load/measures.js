/** Times and what they come to. */

/** The value below which this share (0 to 1) of the numbers lies: one of them, the next above. */
function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]
}

/** Milliseconds as p50, p95 and p99; none without any. */
export function percentiles(times) {
  const sorted = Float64Array.from(times).sort()
  if (sorted.length === 0) return undefined
  return { count: sorted.length, p50: percentile(sorted, 0.5), p95: percentile(sorted, 0.95), p99: percentile(sorted, 0.99) }
}

/** The middle of some numbers, the least and the most. */
export function median(numbers) {
  const sorted = [...numbers].sort((one, other) => one - other)
  const half = sorted.length >> 1
  const middle = sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
  return { median: middle, least: sorted[0], most: sorted.at(-1) }
}

/**
 * Lets `count` workers do `work(worker, turn)` over and over until the time is up. Resolves to the time of each turn in milliseconds, and
 * how long all took in seconds.
 */
export async function during(seconds, count, work) {
  const times = []
  const begun = performance.now()
  const end = begun + seconds * 1_000
  const workers = Array.from({ length: count }, async (_, worker) => {
    for (let turn = 0; performance.now() < end; turn += 1) {
      const start = performance.now()
      await work(worker, turn)
      times.push(performance.now() - start)
    }
  })
  await Promise.all(workers)
  return { times, seconds: (performance.now() - begun) / 1_000 }
}
