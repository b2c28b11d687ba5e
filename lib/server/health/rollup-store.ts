import { z } from 'zod'
import type { HealthThresholds } from '#lib/core/health.ts'
import { lagBoundsSeconds } from '#lib/core/histogram.ts'
import { database, type Queryable } from '../db.ts'
import { Prisma } from '../generated/prisma/client.ts'
import { bucketOf, histogramColumns, histogramSum, lagBucket, replaceRollup } from './rollup-sql.ts'
import { healthStateSql, isActiveSql, isSyncingSql, lagSecondsSql } from './state-sql.ts'

/** Key of the advisory lock: one roll-up at a time over all processes. */
const lockKey = 0x686f6c64

/** Runs `work` in a transaction if nobody else rolls up right now. @returns whether it did */
export function withRollupLock(work: (tx: Queryable) => Promise<void>): Promise<boolean> {
  return database().$transaction(
    async (tx) => {
      const [lock] = await tx.$queryRaw<
        { mine: boolean }[]
      >`SELECT pg_try_advisory_xact_lock(${lockKey}) AS mine`
      if (!lock?.mine) return false
      await work(tx)
      return true
    },
    { timeout: 120_000, maxWait: 10_000 },
  )
}

const stateSetting = 'rollup'

const lagSchema = z.object({ counts: z.array(z.int()), sum: z.number(), max: z.number() })
/** Lag over the devices that are expected to sync: counts by `lagBoundsSeconds`, sum and maximum in seconds. */
export type LagDistribution = z.output<typeof lagSchema>

const stateSchema = z.object({
  /** Minutes before it are settled. */
  folded_until: z.coerce.date(),
  rolled_up_at: z.coerce.date(),
  lag: lagSchema,
})
type RollupState = z.output<typeof stateSchema>

/** How far the roll-up got, when it last ran and the lag it saw; null before the first one. */
export async function selectRollupState(tx: Queryable): Promise<RollupState | null> {
  const rows = await tx.$queryRaw<{ value: unknown }[]>`SELECT value FROM setting WHERE key = ${stateSetting}`
  const parsed = stateSchema.safeParse(rows[0]?.value)
  return parsed.success ? parsed.data : null
}

export async function setRollupState(tx: Queryable, state: RollupState): Promise<void> {
  await tx.$executeRaw`INSERT INTO setting (key, value) VALUES (${stateSetting}, ${JSON.stringify(state)}::jsonb)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value`
}

export async function selectLagDistribution(tx: Queryable, now: Date): Promise<LagDistribution> {
  const rows = await tx.$queryRaw<{ bucket: number; count: number; sum: number; max: number }[]>`
    SELECT ${lagBucket} AS bucket, count(*)::int AS count, sum(lag_seconds)::float8 AS sum, max(lag_seconds) AS max
    FROM (SELECT ${lagSecondsSql(now)} AS lag_seconds
      FROM device d LEFT JOIN device_health h ON h.device_id = d.id WHERE d.status = 'active') device GROUP BY 1`
  const counts = Array.from({ length: lagBoundsSeconds.length + 1 }, () => 0)
  for (const row of rows) counts[row.bucket] = row.count
  return {
    counts,
    sum: rows.reduce((sum, row) => sum + row.sum, 0),
    max: rows.reduce((max, row) => Math.max(max, row.max), 0),
  }
}

export async function oldestSession(tx: Queryable, since: Date): Promise<Date | null> {
  const rows = await tx.$queryRaw<{ started_at: Date }[]>`
    SELECT started_at FROM sync_session WHERE started_at >= ${since} ORDER BY started_at LIMIT 1`
  return rows[0]?.started_at ?? null
}

/** Makes the minutes in [from, until) from their sessions: all, by scope, by app version, by table. */
export async function foldMinutes(tx: Queryable, from: Date, until: Date): Promise<void> {
  await tx.$executeRaw`
    WITH session AS MATERIALIZED (
      SELECT date_trunc('minute', started_at) AS bucket, (outcome = 'failed')::int AS failed, pushed,
        applied + merged + superseded + no_change AS accepted, conflicts, rejected, pulled, scopes, tables, app_version,
        ${bucketOf.lag} AS lag, ${bucketOf.duration} AS duration, ${bucketOf.payload} AS payload, lag_seconds
      FROM sync_session WHERE started_at >= ${from} AND started_at < ${until}
    ), part AS (
      SELECT bucket, 'all' AS dimension, '' AS key, failed, pushed, accepted, conflicts, rejected, pulled,
        lag, duration, payload, lag_seconds FROM session
      UNION ALL
      SELECT bucket, 'scope', scope, failed, pushed, accepted, conflicts, rejected, pulled,
        lag, duration, payload, lag_seconds FROM session, unnest(scopes) AS scope
      UNION ALL
      SELECT bucket, 'app_version', app_version, failed, pushed, accepted, conflicts, rejected, pulled,
        lag, duration, payload, lag_seconds FROM session WHERE app_version <> ''
      UNION ALL
      SELECT bucket, 'table', t.key, failed, t.pushed, t.pushed - t.conflicts - t.rejected, t.conflicts, t.rejected, 0,
        NULL, NULL, NULL, NULL
      FROM session, LATERAL (
        SELECT key, (value->>'pushed')::int AS pushed, (value->>'conflicts')::int AS conflicts,
          (value->>'rejected')::int AS rejected
        FROM jsonb_each(tables)
      ) t
    )
    INSERT INTO sync_rollup (resolution, bucket, dimension, key, attempts, failures, pushed, accepted, conflicts, rejected,
      pulled, lag, duration, payload, max_lag_seconds)
    SELECT 'minute', bucket, dimension, key, count(*), sum(failed), sum(pushed), sum(accepted), sum(conflicts),
      sum(rejected), sum(pulled), ${histogramColumns}, max(lag_seconds)
    FROM part GROUP BY bucket, dimension, key
    ON CONFLICT (resolution, bucket, dimension, key) DO UPDATE SET ${replaceRollup}`
}

/** Makes the hours of [from, until] from their minutes. */
export async function foldHours(tx: Queryable, from: Date, until: Date): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO sync_rollup (resolution, bucket, dimension, key, attempts, failures, pushed, accepted, conflicts, rejected,
      pulled, lag, duration, payload, max_lag_seconds)
    SELECT 'hour', date_trunc('hour', bucket), dimension, key, sum(attempts), sum(failures), sum(pushed), sum(accepted),
      sum(conflicts), sum(rejected), sum(pulled),
      ${histogramSum.lag}, ${histogramSum.duration}, ${histogramSum.payload}, max(max_lag_seconds)
    FROM sync_rollup WHERE resolution = 'minute' AND bucket >= ${from} AND bucket <= ${until}
    GROUP BY 2, 3, 4
    ON CONFLICT (resolution, bucket, dimension, key) DO UPDATE SET ${replaceRollup}`
}

/** Minutes that hold another number of sessions than their roll-up says. */
export async function selectDifferingMinutes(tx: Queryable, from: Date, until: Date): Promise<Date[]> {
  const rows = await tx.$queryRaw<{ bucket: Date }[]>`
    SELECT s.bucket FROM (
      SELECT date_trunc('minute', started_at) AS bucket, count(*) AS sessions
      FROM sync_session WHERE started_at >= date_trunc('minute', ${from}::timestamptz) AND started_at <= ${until} GROUP BY 1
    ) s LEFT JOIN sync_rollup r
      ON r.resolution = 'minute' AND r.bucket = s.bucket AND r.dimension = 'all' AND r.key = ''
    WHERE s.sessions IS DISTINCT FROM r.attempts::bigint ORDER BY 1`
  return rows.map((row) => row.bucket)
}

/**
 * The fleet as it is at `now`, as one row for all and one for each scope. Lag is over active devices: one that was
 * lost a month ago is critical, and would tell nothing about how the others fare.
 */
export function fleetSql(now: Date, limits: HealthThresholds, scopes: 'all' | 'each'): Prisma.Sql {
  const each = Prisma.sql`
    UNION ALL SELECT s.scope, ${fleetColumns} FROM device, unnest(device.scopes) AS s(scope) GROUP BY s.scope`
  return Prisma.sql`
    WITH device AS MATERIALIZED (
      SELECT d.scopes, ${healthStateSql(now, limits)} AS state, ${isActiveSql(now, limits)} AS active,
        ${isSyncingSql(now, limits)} AS syncing, ${lagSecondsSql(now)} AS lag, d.status,
        coalesce(h.pending, 0) AS pending, coalesce(h.pending_critical, 0) AS pending_critical,
        coalesce(h.pending_bulk, 0) AS pending_bulk,
        coalesce(abs(h.clock_skew_ms) > ${limits.skewWarningMs}::float8, false) AS skewed
      FROM device d LEFT JOIN device_health h ON h.device_id = d.id
    )
    SELECT '' AS scope, ${fleetColumns} FROM device ${scopes === 'each' ? each : Prisma.empty}`
}

const fleetColumns = Prisma.sql`
  count(*) FILTER (WHERE active)::int AS active, count(*) FILTER (WHERE syncing)::int AS syncing,
  count(*) FILTER (WHERE state = 'healthy')::int AS healthy, count(*) FILTER (WHERE state = 'warning')::int AS warning,
  count(*) FILTER (WHERE state = 'critical')::int AS critical, count(*) FILTER (WHERE state = 'unknown')::int AS unknown,
  count(*) FILTER (WHERE state = 'paused')::int AS paused, count(*) FILTER (WHERE state = 'revoked')::int AS revoked,
  avg(lag) FILTER (WHERE active)::float8 AS avg_lag_seconds,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY lag) FILTER (WHERE active) AS p50_lag_seconds,
  percentile_cont(0.95) WITHIN GROUP (ORDER BY lag) FILTER (WHERE active) AS p95_lag_seconds,
  max(lag) FILTER (WHERE active) AS max_lag_seconds,
  coalesce(sum(pending_critical) FILTER (WHERE status <> 'revoked'), 0)::int AS pending_critical,
  coalesce(sum(pending - pending_critical - pending_bulk) FILTER (WHERE status <> 'revoked'), 0)::int AS pending_normal,
  coalesce(sum(pending_bulk) FILTER (WHERE status <> 'revoked'), 0)::int AS pending_bulk,
  count(*) FILTER (WHERE active AND skewed)::int AS skewed`

/** Writes the fleet's state into the row of its minute, where the last one stands; scopes are counted once a minute. */
export async function foldFleet(
  tx: Queryable,
  now: Date,
  bucket: Date,
  limits: HealthThresholds,
): Promise<void> {
  const known = await tx.$queryRaw<
    unknown[]
  >`SELECT 1 FROM fleet_rollup WHERE bucket = ${bucket} AND scope = ''`
  const scopes = known.length > 0 ? 'all' : 'each'
  await tx.$executeRaw`
    INSERT INTO fleet_rollup (bucket, scope, active, syncing, healthy, warning, critical, unknown, paused, revoked,
      avg_lag_seconds, p50_lag_seconds, p95_lag_seconds, max_lag_seconds, pending_critical, pending_normal, pending_bulk,
      skewed)
    SELECT ${bucket}::timestamptz, f.* FROM (${fleetSql(now, limits, scopes)}) f
    ON CONFLICT (bucket, scope) DO UPDATE SET active = excluded.active, syncing = excluded.syncing,
      healthy = excluded.healthy, warning = excluded.warning, critical = excluded.critical, unknown = excluded.unknown,
      paused = excluded.paused, revoked = excluded.revoked, avg_lag_seconds = excluded.avg_lag_seconds,
      p50_lag_seconds = excluded.p50_lag_seconds, p95_lag_seconds = excluded.p95_lag_seconds,
      max_lag_seconds = excluded.max_lag_seconds, pending_critical = excluded.pending_critical,
      pending_normal = excluded.pending_normal, pending_bulk = excluded.pending_bulk, skewed = excluded.skewed`
}
