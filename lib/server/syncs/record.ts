import { trace } from '@opentelemetry/api'
import { logger } from '#lib/telemetry/log.ts'
import { instruments, measureSync } from '#lib/telemetry/metrics.ts'
import { syncLog } from '#lib/telemetry/sync-log.ts'
import { spanAttributes } from '#lib/telemetry/trace.ts'
import { isUnavailable } from '../http/unavailable.ts'
import { notifyChanged } from '../stream/notify.ts'
import { createBatcher, type Batcher } from './batcher.ts'
import { toRow } from './session-row.ts'
import { syncOutcome, type SyncRecord } from './session.ts'
import { insertSessions } from './store.ts'

const holder = globalThis as { holdfastSyncRecords?: Batcher<SyncRecord> }

/**
 * Records a request to /sync: the session row, the device's health, what the device reported, metrics and log.
 * Called at the end of every request, failed ones too, and not waited for: the reply goes before its record, which
 * follows within a tenth of a second, one statement for all that came meanwhile. Health never goes backwards, in
 * whatever order they end. A crash loses the last tenth: statistics, which nothing else rests on.
 *
 * Never throws: the sync was answered, and its record must not undo that. What cannot be written is counted
 * (`holdfast_sync_records_lost_total`) and logged.
 */
export async function recordSync(record: SyncRecord): Promise<void> {
  try {
    measure(record)
    report(record)
    annotate(record)
    await records().add(record)
    notifyChanged({ kinds: ['sync', 'device'] })
  } catch (error) {
    reportLost(record, error)
  }
}

/**
 * Everything that was recorded so far is in the database, or was reported as lost: for the end of the process, and for
 * whoever is about to read what this process has answered.
 */
export function flushSyncRecords(): Promise<void> {
  return records().flush()
}

function records(): Batcher<SyncRecord> {
  holder.holdfastSyncRecords ??= createBatcher({
    flush: insertAll,
    gatherMs: 100,
    maxBatch: 500,
    maxWaiting: 5_000,
  })
  return holder.holdfastSyncRecords
}

/** One record that the database refuses must not take the others of its batch with it. */
async function insertAll(records: SyncRecord[]): Promise<void> {
  try {
    await insertSessions(records.map(toRow))
  } catch (error) {
    if (records.length === 1 || isUnavailable(error)) throw error
    const each = await Promise.allSettled(records.map((record) => insertSessions([toRow(record)])))
    for (const [i, { status }] of each.entries()) {
      if (status === 'rejected') reportLost(records[i]!, error)
    }
  }
}

function measure(record: SyncRecord): void {
  measureSync({
    outcome: syncOutcome(record),
    durationSeconds: record.durationMs / 1_000,
    requestBytes: record.requestBytes,
    conflicts: Object.entries(record.tables).map(([table, counts]) => ({
      table,
      strategy: counts.strategy,
      count: counts.conflicts,
    })),
    traceId: record.traceId,
  })
}

function report(record: SyncRecord): void {
  const log = syncLog()
  const { id: requestId, traceId, deviceId, syncId, clock, durationMs, status, counts } = record
  const sync = { requestId, traceId, deviceId, syncId, clock }
  const retries = record.reported?.retries ?? 0
  if (retries > 0 || counts.replayed > 0) log.retried(sync, { retries, replayed: counts.replayed })
  if (status >= 400) return log.failed(sync, { status, code: record.errorCode ?? 'internal', durationMs })
  const { pushed, pulled, conflicts, rejected } = counts
  log.completed(sync, { outcome: syncOutcome(record), durationMs, pushed, pulled, conflicts, rejected })
}

/** Puts the result on the root span of the request, which is the active one while it is recorded. */
function annotate(record: SyncRecord): void {
  const { counts } = record
  trace.getActiveSpan()?.setAttributes({
    [spanAttributes.deviceId]: record.deviceId,
    [spanAttributes.tables]: Object.keys(record.tables),
    [spanAttributes.scopes]: record.scopes.slice(0, 20),
    [spanAttributes.changes]: counts.pushed,
    [spanAttributes.accepted]: counts.applied + counts.merged + counts.superseded + counts.noChange,
    [spanAttributes.conflicts]: counts.conflicts,
    [spanAttributes.rejected]: counts.rejected,
    [spanAttributes.replayed]: counts.replayed,
    [spanAttributes.pulled]: counts.pulled,
    [spanAttributes.requestBytes]: record.requestBytes,
    [spanAttributes.responseBytes]: record.responseBytes,
    [spanAttributes.outcome]: syncOutcome(record),
  })
}

function reportLost(record: SyncRecord, error: unknown): void {
  instruments().recordsLost.inc()
  const about = { request_id: record.id, device_id: record.deviceId }
  logger.warn({ event: 'sync.record_lost', ...about, err: error }, 'sync not recorded')
}
