/**
 * Histograms with fixed bounds: counts can be added across minutes, processes and scopes, and a quantile read from
 * the sum. `counts` has one more entry than `bounds`: the last one counts what lies above every bound.
 */
export type Histogram = { bounds: readonly number[]; counts: readonly number[] }

/** Seconds since a device's last successful sync: the thresholds of 15 minutes and 1 hour are bounds. */
export const lagBoundsSeconds = [
  5, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400, 604_800,
] as const

/** Seconds a request to /sync took: the threshold of 30 s is a bound. */
export const durationBoundsSeconds = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
] as const

/** Bytes of a request to /sync: the threshold of 10 MB (10⁷) and the limit of 16 MiB are bounds. */
export const payloadBoundsBytes = [
  1_000, 4_000, 16_000, 64_000, 256_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 16_777_216,
] as const

/** How many values the histogram holds. */
export function histogramTotal(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0)
}

/** Sum of two histograms over the same bounds; an empty one stands for zero. */
export function addCounts(a: readonly number[], b: readonly number[]): number[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, i) => (a[i] ?? 0) + (b[i] ?? 0))
}

/**
 * The value below which the share `q` of all values lies, interpolated inside its bucket as Prometheus does.
 * Values above the highest bound count as that bound, or as `max` where it is known.
 * @param q in [0, 1]
 * @returns null for an empty histogram
 * @throws RangeError if q is not in [0, 1]
 * @see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
 */
export function quantile({ bounds, counts }: Histogram, q: number, max?: number | null): number | null {
  if (!(q >= 0 && q <= 1)) throw new RangeError(`A quantile lies in [0, 1], not at ${q}`)
  const total = histogramTotal(counts)
  if (total === 0) return null
  const rank = q * total
  let below = 0
  for (const [i, upper] of bounds.entries()) {
    const count = counts[i] ?? 0
    if (count > 0 && below + count >= rank) {
      const lower = bounds[i - 1] ?? 0
      const value = lower + (upper - lower) * Math.max(0, (rank - below) / count)
      return max == null ? value : Math.min(value, max)
    }
    below += count
  }
  return max ?? bounds.at(-1) ?? null
}
