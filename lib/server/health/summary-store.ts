import type { HealthThresholds, HealthState } from '#lib/core/health.ts'
import { database } from '../db.ts'
import { histogramSum } from './rollup-sql.ts'
import { fleetSql } from './rollup-store.ts'

export type FleetRow = Record<HealthState, number> & {
  active: number
  syncing: number
  avg_lag_seconds: number | null
  p50_lag_seconds: number | null
  p95_lag_seconds: number | null
  max_lag_seconds: number | null
  pending_critical: number
  pending_normal: number
  pending_bulk: number
  /** Active devices whose clock is further off than the warning allows. */
  skewed: number
}

/** The fleet at `now`, counted from its devices: for fleets small enough. */
export async function countFleet(now: Date, limits: HealthThresholds): Promise<FleetRow | null> {
  const rows = await database().$queryRaw<FleetRow[]>`${fleetSql(now, limits, 'all')}`
  return rows[0] ?? null
}

/** The newest roll-up of the fleet at or before `at`, no older than three minutes before it. */
export async function selectFleetRollup(at: Date): Promise<FleetRow | null> {
  const rows = await database().$queryRaw<FleetRow[]>`
    SELECT * FROM fleet_rollup WHERE scope = '' AND bucket <= ${at}
      AND bucket > ${at}::timestamptz - interval '3 minutes' ORDER BY bucket DESC LIMIT 1`
  return rows[0] ?? null
}

/** A span of time cut into steps of equal length. */
export type Grid = { from: Date; until: Date; stepSeconds: number }

export type FleetPoint = {
  at: Date
  p50: number | null
  p95: number | null
  max: number | null
  critical: number
  normal: number
  bulk: number
}

export async function selectFleetTrend({ from, until, stepSeconds }: Grid): Promise<FleetPoint[]> {
  return database().$queryRaw`
    SELECT date_bin(make_interval(secs => ${stepSeconds}::float8), bucket, ${from}::timestamptz) AS at,
      avg(p50_lag_seconds)::float8 AS p50, avg(p95_lag_seconds)::float8 AS p95, max(max_lag_seconds) AS max,
      avg(pending_critical)::float8 AS critical, avg(pending_normal)::float8 AS normal, avg(pending_bulk)::float8 AS bulk
    FROM fleet_rollup WHERE scope = '' AND bucket >= ${from} AND bucket < ${until} GROUP BY 1 ORDER BY 1`
}

export type SyncPoint = {
  at: Date
  attempts: number
  failures: number
  pushed: number
  conflicts: number
  duration: number[]
  payload: number[]
}

export async function selectSyncTrend({ from, until, stepSeconds }: Grid): Promise<SyncPoint[]> {
  const resolution = stepSeconds >= 3_600 ? 'hour' : 'minute'
  return database().$queryRaw`
    SELECT date_bin(make_interval(secs => ${stepSeconds}::float8), bucket, ${from}::timestamptz) AS at,
      sum(attempts)::int AS attempts, sum(failures)::int AS failures, sum(pushed)::int AS pushed,
      sum(conflicts)::int AS conflicts, ${histogramSum.duration} AS duration, ${histogramSum.payload} AS payload
    FROM sync_rollup WHERE resolution = ${resolution} AND dimension = 'all' AND key = ''
      AND bucket >= ${from} AND bucket < ${until} GROUP BY 1 ORDER BY 1`
}

export type WorstRow = {
  key: string
  attempts: number
  failures: number
  pushed: number
  conflicts: number
  lag_p95_seconds: number | null
}

/** How the scopes, tables or app versions fared in a span of time, those furthest over a threshold first. */
export async function selectWorst(
  dimension: 'scope' | 'table' | 'app_version',
  { from, until }: Grid,
  over: { failureRate: number; conflictRate: number; lagSeconds: number },
): Promise<WorstRow[]> {
  // An hour's range by the minute; beyond that hours are exact enough to rank by, and far fewer.
  const resolution = until.getTime() - from.getTime() > 2 * 3_600_000 ? 'hour' : 'minute'
  return database().$queryRaw`
    WITH lag AS (
      SELECT DISTINCT ON (scope) scope, p95_lag_seconds FROM fleet_rollup
      WHERE bucket > ${until}::timestamptz - interval '5 minutes' AND bucket <= ${until} ORDER BY scope, bucket DESC
    ), part AS (
      SELECT key, sum(attempts)::int AS attempts, sum(failures)::int AS failures, sum(pushed)::int AS pushed,
        sum(conflicts)::int AS conflicts
      FROM sync_rollup WHERE resolution = ${resolution} AND dimension = ${dimension}
        AND bucket >= date_trunc(${resolution}, ${from}::timestamptz) AND bucket < ${until} GROUP BY key
    )
    SELECT part.*, lag.p95_lag_seconds AS lag_p95_seconds
    FROM part LEFT JOIN lag ON ${dimension} = 'scope' AND lag.scope = part.key
    ORDER BY greatest(failures / greatest(attempts, 1)::float8 / ${over.failureRate}::float8,
      conflicts / greatest(pushed, 1)::float8 / ${over.conflictRate}::float8,
      coalesce(lag.p95_lag_seconds, 0) / ${over.lagSeconds}::float8) DESC, attempts DESC, key LIMIT 5`
}

export type FailureRow = {
  at: Date
  kind: 'sync' | 'device' | 'conflict' | 'dead_letter'
  id: string
  device_id: string
  device_name: string | null
  code: string
  detail: string
}

/** The newest of everything that went wrong for a device since `since`, from four lists that are in order of time. */
export async function selectFailures(since: Date): Promise<FailureRow[]> {
  return database().$queryRaw`
    SELECT failure.*, d.name AS device_name FROM (
      (SELECT started_at AS at, 'sync' AS kind, id, device_id, coalesce(error_code, 'internal') AS code, '' AS detail
        FROM sync_session WHERE outcome = 'failed' AND started_at > ${since} ORDER BY started_at DESC, id DESC LIMIT 40)
      UNION ALL
      (SELECT at, 'device', device_id, device_id, code, detail
        FROM device_event WHERE kind = 'error' AND at > ${since} ORDER BY id DESC LIMIT 40)
      UNION ALL
      (SELECT created_at, 'conflict', id, device_id, code, "table" FROM conflict
        WHERE state = 'open' AND device_id IS NOT NULL AND created_at > ${since} ORDER BY created_at DESC, id DESC LIMIT 40)
      UNION ALL
      (SELECT created_at, 'dead_letter', id, device_id, code, detail FROM dead_letter
        WHERE state = 'open' AND device_id IS NOT NULL AND created_at > ${since} ORDER BY created_at DESC, id DESC LIMIT 40)
    ) failure LEFT JOIN device d ON d.id = failure.device_id ORDER BY at DESC`
}

type RestoreRow = { noticed_at: Date; lost_until: Date | null; devices: number }

/** The latest restore from a backup that devices showed, where that was since `since`. */
export async function selectRestore(since: Date): Promise<RestoreRow | null> {
  const rows = await database().$queryRaw<RestoreRow[]>`
    SELECT l.noticed_at, l.last_issued_at AS lost_until,
      (SELECT count(*)::int FROM lost_history_device d WHERE d.lost_history_id = l.id) AS devices
    FROM lost_history l WHERE l.noticed_at > ${since} ORDER BY l.id DESC LIMIT 1`
  return rows[0] ?? null
}

type OpenCounts = { conflicts: number; dead_letters: number; sagas_stuck: number }

export async function countOpen(): Promise<OpenCounts> {
  const rows = await database().$queryRaw<OpenCounts[]>`
    SELECT (SELECT count(*) FROM conflict WHERE state = 'open')::int AS conflicts,
      (SELECT count(*) FROM dead_letter WHERE state = 'open')::int AS dead_letters,
      (SELECT count(*) FROM saga WHERE state = 'stuck')::int AS sagas_stuck`
  return rows[0] ?? { conflicts: 0, dead_letters: 0, sagas_stuck: 0 }
}
