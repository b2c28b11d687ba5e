import { statusListLimit, type DeviceStatus } from '#lib/protocol/sync.ts'
import { syncOutcome, type SyncRecord } from './session.ts'

/** What `record_syncs` (a function of the database) takes: one sync session and what it says about its device. */
export type SessionRow = ReturnType<typeof toRow>

type DeviceEventRow = { at: string; kind: 'transition' | 'error' | 'dropped'; code: string; detail: string }

export function toRow(record: SyncRecord) {
  const { counts, reported } = record
  const finishedAt = new Date(record.startedAt.getTime() + record.durationMs)
  return {
    id: record.id,
    started_at: record.startedAt.toISOString(),
    finished_at: finishedAt.toISOString(),
    sync_id: record.syncId,
    device_id: record.deviceId,
    incarnation: record.incarnation,
    duration_ms: record.durationMs,
    status: record.status,
    outcome: syncOutcome(record),
    error_code: record.errorCode,
    pushed: counts.pushed,
    applied: counts.applied,
    merged: counts.merged,
    superseded: counts.superseded,
    no_change: counts.noChange,
    conflicts: counts.conflicts,
    rejected: counts.rejected,
    replayed: counts.replayed,
    pulled: counts.pulled,
    resync: record.resync,
    request_bytes: record.requestBytes,
    response_bytes: record.responseBytes,
    tables: record.tables,
    scopes: record.scopes,
    app_version: record.appVersion,
    trace_id: record.traceId,
    clock_skew_ms: record.clockSkewMs === null ? null : Math.round(record.clockSkewMs),
    acknowledged: record.acknowledged,
    schema_version: record.schemas?.app ?? null,
    schema_versions: record.schemas?.tables ?? null,
    in_progress: record.inProgress && record.status < 400,
    state: deviceState(record),
    ...queueLeft(record),
    retries: reported ? (reported.retries ?? 0) : null,
    breaker: reported?.breaker ?? null,
    storage_bytes: reported?.storage_bytes ?? null,
    events: reported ? deviceEvents(reported, finishedAt) : [],
  }
}

/** A device reports the state it was in when it sent; once everything is answered, it is done. */
function deviceState({ reported, status, inProgress }: SyncRecord): string | null {
  if (!reported) return null
  return status < 400 && !inProgress ? 'COMPLETE' : reported.state
}

/** What waits on the device after this answer: what it reported, without what was settled; critical goes first. */
function queueLeft({ reported, counts, status }: SyncRecord) {
  if (!reported) return { pending: null, pending_critical: null, pending_bulk: null, oldest_pending_at: null }
  let settled = status < 400 ? counts.settled : 0
  const take = (waiting: number) => {
    const taken = Math.min(waiting, settled)
    settled -= taken
    return waiting - taken
  }
  const by = reported.pending_by_priority ?? { critical: 0, normal: reported.pending, bulk: 0 }
  const critical = take(by.critical)
  const normal = take(by.normal)
  const bulk = take(by.bulk)
  const pending = critical + normal + bulk
  return {
    pending,
    pending_critical: critical,
    pending_bulk: bulk,
    oldest_pending_at:
      pending === 0 || !reported.oldest_pending_at ? null : believable(reported.oldest_pending_at),
  }
}

/** Bounded to the newest entries of each list; what was left out is an event of its own. */
function deviceEvents({ transitions = [], errors = [] }: DeviceStatus, receivedAt: Date): DeviceEventRow[] {
  // A clock that runs ahead must not put events into the future, where they would hide later ones.
  const at = (reported: string) => believable(reported, receivedAt.getTime())
  const dropped =
    Math.max(0, transitions.length - statusListLimit) + Math.max(0, errors.length - statusListLimit)
  const rows: DeviceEventRow[] = [
    ...transitions.slice(-statusListLimit).map((transition) => ({
      at: at(transition.at),
      kind: 'transition' as const,
      code: `${transition.from}>${transition.to}`,
      detail: transition.reason ?? '',
    })),
    ...errors.slice(-statusListLimit).map((error) => ({
      at: at(error.at),
      kind: 'error' as const,
      code: error.code,
      detail: error.detail ?? '',
    })),
  ]
  if (dropped > 0) {
    const detail = `${dropped} older entries of a report were not kept`
    rows.push({ at: receivedAt.toISOString(), kind: 'dropped', code: 'status_overflow', detail })
  }
  return rows.map((row) => ({ ...row, code: withoutNul(row.code), detail: withoutNul(row.detail) }))
}

/** A time as a device tells it, from 1970 on: PostgreSQL has no year 0, and one such report must not lose a batch. */
function believable(time: string, latestMs = Infinity): string {
  return new Date(Math.max(0, Math.min(Date.parse(time), latestMs))).toISOString()
}

/** PostgreSQL text cannot hold NUL, nor can jsonb hold half a surrogate pair; one such report must not lose a batch. */
function withoutNul(text: string): string {
  return text.replaceAll('\0', '').toWellFormed()
}
