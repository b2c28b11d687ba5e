import { healthStates } from '#lib/core/health.ts'
import { lagBoundsSeconds } from '#lib/core/histogram.ts'
import { sagaStates } from '#lib/core/saga.ts'
import type { Distribution } from '#lib/telemetry/exposition.ts'
import { logger } from '#lib/telemetry/log.ts'
import { instruments } from '#lib/telemetry/metrics.ts'
import { selectFleetFigures, type FleetFigures } from './metrics-store.ts'

/**
 * Sets the gauges of the fleet from the database, so that every process tells the same, and returns the
 * distributions that go with them. Without the database the gauges are NaN: unknown, which is not zero.
 */
export async function collectFleetMetrics(): Promise<Distribution[]> {
  try {
    const figures = await selectFleetFigures(new Date())
    setGauges(figures)
    return [
      {
        name: 'sync_lag_seconds',
        help: 'Devices that are expected to sync, by seconds since their last success, at the last roll-up: counts fall, too.',
        bounds: lagBoundsSeconds,
        counts: figures.lag?.counts ?? [],
        sum: figures.lag?.sum ?? 0,
      },
    ]
  } catch (error) {
    instruments().scrapeFailures.inc()
    logger.warn({ event: 'metrics.unavailable', err: error }, 'fleet gauges could not be read')
    setGauges(null)
    return []
  }
}

function setGauges(figures: FleetFigures | null): void {
  const all = instruments()
  all.syncLagWorst.set(figures?.lag?.max ?? NaN)
  all.syncFailureRate.set(ratio(figures?.failures, figures?.attempts))
  all.conflictRate.set(ratio(figures?.conflicts, figures?.pushed))
  all.queueDepth.set({ priority: 'critical' }, figures?.pendingCritical ?? NaN)
  all.queueDepth.set({ priority: 'normal' }, figures?.pendingNormal ?? NaN)
  all.queueDepth.set({ priority: 'bulk' }, figures?.pendingBulk ?? NaN)
  for (const state of healthStates) all.devices.set({ state }, figures?.states[state] ?? NaN)
  all.deadLettersOpen.set(figures?.deadLettersOpen ?? NaN)
  all.conflictsOpen.set(figures?.conflictsOpen ?? NaN)
  for (const state of sagaStates) all.sagas.set({ state }, figures ? (figures.sagas[state] ?? 0) : NaN)
  all.restoreNoticed.set(figures?.restoreNoticedSeconds ?? NaN)
  all.restoreDevices.set(figures?.restoreDevices ?? NaN)
  all.feedHead.set(figures?.feedPosition ?? NaN)
  all.snapshots.set({ state: 'admitted' }, figures?.fullSyncs.admitted ?? NaN)
  all.snapshots.set({ state: 'waiting' }, figures?.fullSyncs.waiting ?? NaN)
  all.workerHeartbeat.set(figures?.rolledUpAt ? figures.rolledUpAt.getTime() / 1_000 : NaN)
}

/** No sample, no fault: a fleet that is silent for five minutes has a rate of zero. */
function ratio(part: number | undefined, whole: number | undefined): number {
  if (part === undefined || whole === undefined) return NaN
  return whole === 0 ? 0 : part / whole
}
