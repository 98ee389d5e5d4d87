/** How often each whole score from 0 to 100 occurred: 101 counts. Enough for the mean, any quantile and any chart. */
export type ScoreCounts = readonly number[]

export const noScores: ScoreCounts = Array.from({ length: 101 }, () => 0)

/** Counts one more score, rounded to a whole one within 0 to 100. */
export function countScore(counts: ScoreCounts, score: number): ScoreCounts {
  const index = Math.min(100, Math.max(0, Math.round(score)))
  return counts.map((count, at) => (at === index ? count + 1 : count))
}

export function countOf(counts: ScoreCounts): number {
  return counts.reduce((sum, count) => sum + count, 0)
}

/** The score that the given share (0 to 1) of all scores does not exceed; null if there are none. */
export function quantile(counts: ScoreCounts, share: number): number | null {
  const total = countOf(counts)
  if (total === 0) return null
  const rank = Math.max(1, Math.ceil(share * total))
  let seen = 0
  for (const [score, count] of counts.entries()) {
    seen += count
    if (seen >= rank) return score
  }
  return 100
}

/** The counts gathered in bands of `width` points; the last band includes 100. */
export function bands(counts: ScoreCounts, width: number): number[] {
  const bins: number[] = Array.from({ length: Math.ceil(100 / width) }, () => 0)
  for (const [score, count] of counts.entries()) {
    const band = Math.min(bins.length - 1, Math.floor(score / width))
    bins[band] = (bins[band] ?? 0) + count
  }
  return bins
}
