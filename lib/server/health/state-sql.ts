import type { HealthThresholds } from '#lib/core/health.ts'
import { Prisma } from '../generated/prisma/client.ts'

// The rules of lib/core/health.ts as SQL, for lists and counts; a test holds the two together. All expressions take
// `device d LEFT JOIN device_health h ON h.device_id = d.id` and one time for the whole statement.

/** Seconds since the last successful sync; since enrolment for a device that never had one. */
export function lagSecondsSql(now: Date): Prisma.Sql {
  return Prisma.sql`greatest(0, extract(epoch FROM ${now}::timestamptz - coalesce(h.last_sync_at, d.enrolled_at)))::float8`
}

/** One of `healthStates`. */
export function healthStateSql(now: Date, limits: HealthThresholds): Prisma.Sql {
  const before = (seconds: number) => new Date(now.getTime() - seconds * 1_000)
  return Prisma.sql`CASE
    WHEN d.status = 'paused' THEN 'paused'
    WHEN d.status = 'revoked' THEN CASE WHEN h.last_seen_at > d.revoked_at THEN 'critical' ELSE 'revoked' END
    WHEN coalesce(h.last_sync_at, d.enrolled_at) < ${before(limits.lagCriticalSeconds)}::timestamptz OR h.state = 'FAILED'
      THEN 'critical'
    WHEN coalesce(h.last_sync_at, d.enrolled_at) < ${before(limits.lagWarningSeconds)}::timestamptz
      OR h.pending > ${limits.pendingWarning}::float8 OR h.breaker <> 'closed' OR abs(h.clock_skew_ms) > ${limits.skewWarningMs}::float8
      OR d.id IN (SELECT c.device_id FROM conflict c WHERE c.state = 'open' AND c.device_id IS NOT NULL
        AND c.created_at < ${before(limits.conflictWarningSeconds)}::timestamptz)
      THEN 'warning'
    WHEN h.last_sync_at IS NULL THEN 'unknown'
    ELSE 'healthy' END`
}

/** Seen lately, and not revoked. */
export function isActiveSql(now: Date, limits: HealthThresholds): Prisma.Sql {
  const since = new Date(now.getTime() - limits.activeSeconds * 1_000)
  return Prisma.sql`(d.status <> 'revoked' AND coalesce(h.last_seen_at >= ${since}::timestamptz, false))`
}

/** A sync is under way. */
export function isSyncingSql(now: Date, limits: HealthThresholds): Prisma.Sql {
  const since = new Date(now.getTime() - limits.syncingSeconds * 1_000)
  return Prisma.sql`coalesce(h.in_progress AND h.last_seen_at >= ${since}::timestamptz, false)`
}
