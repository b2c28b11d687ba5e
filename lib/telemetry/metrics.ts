import {
  collectDefaultMetrics,
  Counter,
  Gauge,
  Histogram,
  Registry,
  type OpenMetricsContentType,
} from 'prom-client'
import { durationBoundsSeconds, payloadBoundsBytes } from '#lib/core/histogram.ts'

/**
 * Every instrument of the process, declared once. Counters and histograms of requests count what this process did:
 * sum them over processes. Gauges of the fleet are set from the database at each scrape (`lib/server/health`), so
 * that every process tells the same.
 */
function declare() {
  // Rendered as OpenMetrics always: prom-client renames its counters for good when the format changes under way.
  const registry = new Registry<OpenMetricsContentType>()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const gauge = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge({ name, help, labelNames, registers })
  const counter = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter({ name, help, labelNames, registers })

  return {
    registry,
    syncLagWorst: gauge(
      'sync_lag_worst_seconds',
      'Seconds since the last successful sync of the device furthest behind.',
    ),
    syncFailureRate: gauge(
      'sync_failure_rate',
      'Share of sync requests that failed in the last 5 minutes, 0 to 1.',
    ),
    syncAttempts: counter('sync_attempts_total', 'Sync requests answered, by outcome.', ['outcome'] as const),
    conflictRate: gauge(
      'conflict_rate',
      'Share of pushed changes that ended in conflict in the last 5 minutes, 0 to 1.',
    ),
    syncConflicts: counter('sync_conflicts_total', 'Changes that ended in conflict.', [
      'table',
      'strategy',
    ] as const),
    queueDepth: gauge('queue_depth', 'Changes that wait on devices, as they last reported.', [
      'priority',
    ] as const),
    payloadSize: new Histogram({
      name: 'payload_size_bytes',
      help: 'Size of sync requests after decompression.',
      buckets: [...payloadBoundsBytes],
      registers,
    }),
    syncDuration: new Histogram({
      name: 'sync_duration_seconds',
      help: 'Time a sync request took, from its first byte to its answer.',
      buckets: [...durationBoundsSeconds],
      enableExemplars: true,
      registers,
    }),
    devices: gauge('holdfast_devices', 'Devices by health.', ['state'] as const),
    deadLettersOpen: gauge(
      'holdfast_dead_letters_open',
      'Changes in the dead-letter queue that wait for a person.',
    ),
    conflictsOpen: gauge('holdfast_conflicts_open', 'Conflicts that wait for a person.'),
    sagas: gauge('holdfast_sagas', 'Sagas by state, as far as they are kept.', ['state'] as const),
    sagaTimeouts: counter(
      'holdfast_saga_timeouts_total',
      'Sagas that were not complete in time and were set back.',
    ),
    sagaSteps: counter('holdfast_saga_steps_undone_total', 'Steps of sagas that were undone, by outcome.', [
      'outcome',
    ] as const),
    restoreNoticed: gauge(
      'holdfast_restore_noticed_timestamp_seconds',
      'When devices last showed that this server had been restored from a backup; 0: never.',
    ),
    restoreDevices: gauge(
      'holdfast_restore_devices',
      'Devices that know of the history which the last restore lost.',
    ),
    feedHead: gauge('holdfast_feed_position', 'Position of the newest commit in the feed, over all scopes.'),
    snapshots: gauge('holdfast_full_syncs', 'Devices that load everything, or wait for their turn to.', [
      'state',
    ] as const),
    jobQueueDepth: gauge('holdfast_jobs_waiting', 'Background jobs that wait to be run.'),
    workerHeartbeat: gauge(
      'holdfast_worker_heartbeat_timestamp_seconds',
      'When the statistics were last rolled up, by any process.',
    ),
    scrapeFailures: counter(
      'holdfast_scrape_failures_total',
      'Scrapes whose fleet gauges could not be read.',
    ),
    recordsLost: counter(
      'holdfast_sync_records_lost_total',
      'Sync requests whose record could not be written.',
    ),
    notifications: counter(
      'holdfast_notifications_total',
      'Notifications sent to other processes, by outcome.',
      ['outcome'] as const,
    ),
    streams: gauge('holdfast_streams_open', 'Open event streams of this process.', ['audience'] as const),
    traces: counter(
      'holdfast_sync_traces_total',
      'Traces of syncs for the console, by what became of them.',
      ['outcome'] as const,
    ),
  }
}

type Instruments = ReturnType<typeof declare>
const holder = globalThis as { holdfastInstruments?: Instruments }

/** This process's instruments. Next bundles routes apart, so they hang on globalThis. */
export function instruments(): Instruments {
  holder.holdfastInstruments ??= declare()
  return holder.holdfastInstruments
}

/** What became of the traces that `trace-keeper.ts` saw. */
export const traceCounters = {
  kept: (count: number) => instruments().traces.inc({ outcome: 'kept' }, count),
  skipped: (count: number) => instruments().traces.inc({ outcome: 'skipped' }, count),
  lost: (count: number) => instruments().traces.inc({ outcome: 'lost' }, count),
}

/** What one request to /sync adds to the counters and histograms. */
export type SyncMeasure = {
  outcome: 'ok' | 'partial' | 'failed'
  durationSeconds: number
  requestBytes: number
  conflicts: { table: string; strategy: string; count: number }[]
  traceId: string | null
}

export function measureSync({
  outcome,
  durationSeconds,
  requestBytes,
  conflicts,
  traceId,
}: SyncMeasure): void {
  const all = instruments()
  all.syncAttempts.inc({ outcome })
  all.payloadSize.observe(requestBytes)
  all.syncDuration.observe({
    value: durationSeconds,
    ...(traceId === null ? {} : { exemplarLabels: { trace_id: traceId } }),
  })
  for (const { table, strategy, count } of conflicts) {
    if (count > 0) all.syncConflicts.inc({ table, strategy }, count)
  }
}
