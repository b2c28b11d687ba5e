import { alertThresholds } from '#lib/core/alert-thresholds.ts'
import { durationBoundsSeconds, payloadBoundsBytes, quantile } from '#lib/core/histogram.ts'
import type { HealthRange, HealthTrend } from '#lib/protocol/health.ts'
import type { FleetPoint, Grid, SyncPoint } from './summary-store.ts'

const hour = 3_600

/** Each range by as many steps as a chart has room for. */
const steps: Record<HealthRange, { seconds: number; stepSeconds: number }> = {
  '1h': { seconds: hour, stepSeconds: 60 },
  '6h': { seconds: 6 * hour, stepSeconds: 300 },
  '24h': { seconds: 24 * hour, stepSeconds: 900 },
  '7d': { seconds: 7 * 24 * hour, stepSeconds: hour },
}

/** The range that ends with the step `now` lies in. */
export function gridOf(range: HealthRange, now: Date): Grid {
  const { seconds, stepSeconds } = steps[range]
  const stepMs = stepSeconds * 1_000
  const until = (Math.floor(now.getTime() / stepMs) + 1) * stepMs
  return { from: new Date(until - seconds * 1_000), until: new Date(until), stepSeconds }
}

type Values = Record<string, number | null>

/** The six trends of the board, with a point for each step: one that nothing was measured in is a gap. */
export function trendsOf(grid: Grid, fleet: FleetPoint[], syncs: SyncPoint[]): HealthTrend[] {
  const fleetAt = new Map(fleet.map((point) => [point.at.getTime(), point]))
  const syncsAt = new Map(syncs.map((point) => [point.at.getTime(), point]))
  const moments: number[] = []
  for (let at = grid.from.getTime(); at < grid.until.getTime(); at += grid.stepSeconds * 1_000)
    moments.push(at)

  const points = <T>(from: Map<number, T>, read: (point: T | undefined) => Values) =>
    moments.map((at) => ({ at: new Date(at).toISOString(), values: read(from.get(at)) }))
  const lag = points(fleetAt, (point) => ({
    p50: point?.p50 ?? null,
    p95: point?.p95 ?? null,
    max: point?.max ?? null,
  }))
  const queue = points(fleetAt, (point) => ({
    critical: point?.critical ?? null,
    normal: point?.normal ?? null,
    bulk: point?.bulk ?? null,
  }))
  const quantiles = (bounds: readonly number[], counts: readonly number[] | undefined) => ({
    p50: counts ? quantile({ bounds, counts }, 0.5) : null,
    p95: counts ? quantile({ bounds, counts }, 0.95) : null,
  })
  return [
    { metric: 'lag', unit: 'seconds', threshold: alertThresholds.lagSeconds, points: lag },
    {
      metric: 'failure_rate',
      unit: 'ratio',
      threshold: alertThresholds.failureRate,
      points: points(syncsAt, (point) => ({ rate: point ? rate(point.failures, point.attempts) : null })),
    },
    {
      metric: 'conflict_rate',
      unit: 'ratio',
      threshold: alertThresholds.conflictRate,
      points: points(syncsAt, (point) => ({ rate: point ? rate(point.conflicts, point.pushed) : null })),
    },
    { metric: 'queue_depth', unit: 'count', threshold: alertThresholds.queueDepth, points: queue },
    {
      metric: 'payload',
      unit: 'bytes',
      threshold: alertThresholds.payloadBytes,
      points: points(syncsAt, (point) => quantiles(payloadBoundsBytes, point?.payload)),
    },
    {
      metric: 'duration',
      unit: 'seconds',
      threshold: alertThresholds.durationSeconds,
      points: points(syncsAt, (point) => quantiles(durationBoundsSeconds, point?.duration)),
    },
  ]
}

/** null where there was nothing to take a share of. */
export function rate(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole
}
