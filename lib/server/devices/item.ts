import { z } from 'zod'
import { deviceHealth, type DeviceCondition } from '#lib/core/health.ts'
import { deviceStatuses, type DeviceItem } from '#lib/protocol/devices.ts'
import { breakerStates } from '#lib/protocol/sync.ts'
import type { DeviceRow, DeviceView } from './list-store.ts'

const status = z.enum(deviceStatuses)
const breaker = z.enum(breakerStates)

/** A row as the console shows it, with the causes of its state. */
export function toDeviceItem(row: DeviceRow, { now, limits }: DeviceView): DeviceItem {
  const health = deviceHealth(condition(row), now.getTime(), limits)
  return {
    id: row.id,
    name: row.name,
    platform: row.platform,
    app_version: row.app_version,
    status: status.parse(row.status),
    state: health.state,
    reasons: health.reasons.map(({ code, state, since }) => ({
      code,
      state,
      since: since === null ? null : new Date(since).toISOString(),
    })),
    scopes: row.scopes,
    lag_seconds: health.lagSeconds,
    is_active: health.isActive,
    is_syncing: health.isSyncing,
    last_seen_at: iso(row.last_seen_at),
    last_sync_at: iso(row.last_sync_at),
    sync_state: row.sync_state,
    pending: row.pending,
    pending_critical: row.pending_critical,
    pending_bulk: row.pending_bulk,
    oldest_pending_at: iso(row.oldest_pending_at),
    retries: row.retries,
    breaker: breaker.parse(row.breaker),
    clock_skew_ms: Number(row.clock_skew_ms),
    storage_bytes: row.storage_bytes === null ? null : Number(row.storage_bytes),
    last_error:
      row.last_error_code === null ? null : { code: row.last_error_code, at: iso(row.last_error_at) },
    open_conflicts: Number(row.open_conflicts),
    open_dead_letters: Number(row.open_dead_letters),
    enrolled_at: row.enrolled_at.toISOString(),
    version: row.version,
  }
}

function condition(row: DeviceRow): DeviceCondition {
  return {
    status: status.parse(row.status),
    revokedAt: row.revoked_at?.getTime() ?? null,
    enrolledAt: row.enrolled_at.getTime(),
    lastSeenAt: row.last_seen_at?.getTime() ?? null,
    lastSyncAt: row.last_sync_at?.getTime() ?? null,
    state: row.sync_state,
    inProgress: row.in_progress,
    pending: row.pending,
    breaker: row.breaker,
    clockSkewMs: Number(row.clock_skew_ms),
    oldestOpenConflictAt: row.oldest_open_conflict_at?.getTime() ?? null,
  }
}

export function iso(time: Date | null): string | null {
  return time?.toISOString() ?? null
}
