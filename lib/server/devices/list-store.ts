import type { HealthThresholds } from '#lib/core/health.ts'
import type { DeviceSort, ParsedDeviceQuery } from '#lib/protocol/devices.ts'
import { database } from '../db.ts'
import { Prisma } from '../generated/prisma/client.ts'
import { healthStateSql, isActiveSql, isSyncingSql } from '../health/state-sql.ts'

export type DeviceRow = {
  id: string
  name: string
  platform: string
  app_version: string
  schema_version: number
  status: string
  scopes: string[]
  incarnation: string
  resync_reason: string | null
  enrollment_key_id: string | null
  version: number
  created_at: Date
  enrolled_at: Date
  revoked_at: Date | null
  last_seen_at: Date | null
  last_sync_at: Date | null
  sync_state: string
  in_progress: boolean
  pending: number
  pending_critical: number
  pending_bulk: number
  oldest_pending_at: Date | null
  retries: number
  breaker: string
  storage_bytes: bigint | null
  clock_skew_ms: bigint
  last_error_code: string | null
  last_error_at: Date | null
  acknowledged: unknown
  open_conflicts: bigint
  oldest_open_conflict_at: Date | null
  open_dead_letters: bigint
}

/** Which device rows, at what time, by which rules. */
export type DeviceView = { now: Date; limits: HealthThresholds }

type Keyset = { value: string; id: string }

export type SortType = 'text' | 'bigint' | 'timestamptz'

/** What a list is sorted by, and as what type its text in a cursor is read again. Lag rises as the time falls. */
const sorts: Record<DeviceSort, { expression: Prisma.Sql; type: SortType; falls?: true }> = {
  name: { expression: Prisma.sql`d.name`, type: 'text' },
  state: {
    expression: Prisma.sql`array_position(ARRAY['critical','warning','unknown','paused','revoked','healthy'], s.state)`,
    type: 'bigint',
  },
  lag: { expression: Prisma.sql`coalesce(h.last_sync_at, d.enrolled_at)`, type: 'timestamptz', falls: true },
  pending: { expression: Prisma.sql`coalesce(h.pending, 0)`, type: 'bigint' },
  skew: { expression: Prisma.sql`abs(coalesce(h.clock_skew_ms, 0))`, type: 'bigint' },
  last_sync: { expression: Prisma.sql`coalesce(h.last_sync_at, '-infinity')`, type: 'timestamptz' },
  platform: { expression: Prisma.sql`d.platform`, type: 'text' },
  app_version: { expression: Prisma.sql`d.app_version`, type: 'text' },
}

export function sortTypeOf(sort: ParsedDeviceQuery['sort']): SortType {
  return sorts[nameOf(sort)].type
}

function nameOf(sort: ParsedDeviceQuery['sort']): DeviceSort {
  return sort.replace(/^-/, '') as DeviceSort
}

function from({ now, limits }: DeviceView): Prisma.Sql {
  return Prisma.sql`device d LEFT JOIN device_health h ON h.device_id = d.id
    CROSS JOIN LATERAL (SELECT ${healthStateSql(now, limits)} AS state) s`
}

function matching(query: ParsedDeviceQuery, { now, limits }: DeviceView): Prisma.Sql {
  const { state, status, activity, scope, app_version, platform, q } = query
  const parts = [Prisma.sql`true`]
  if (state?.length) parts.push(Prisma.sql`s.state = ANY(${state})`)
  if (status?.length) parts.push(Prisma.sql`d.status = ANY(${status})`)
  if (activity === 'active') parts.push(isActiveSql(now, limits))
  if (activity === 'syncing') parts.push(isSyncingSql(now, limits))
  if (scope) parts.push(Prisma.sql`${scope} = ANY(d.scopes)`)
  if (app_version) parts.push(Prisma.sql`d.app_version = ${app_version}`)
  if (platform) parts.push(Prisma.sql`d.platform = ${platform}`)
  if (q)
    parts.push(Prisma.sql`(strpos(lower(d.name), lower(${q})) > 0 OR starts_with(d.id::text, lower(${q})))`)
  return Prisma.join(parts, ' AND ')
}

const columns = Prisma.sql`d.id, d.name, d.platform, d.app_version, d.schema_version, d.status, d.scopes, d.incarnation,
  d.resync_reason, d.enrollment_key_id, d.version, d.created_at, d.enrolled_at, d.revoked_at,
  h.last_seen_at, h.last_sync_at, coalesce(h.state, 'IDLE') AS sync_state, coalesce(h.in_progress, false) AS in_progress,
  coalesce(h.pending, 0) AS pending, coalesce(h.pending_critical, 0) AS pending_critical,
  coalesce(h.pending_bulk, 0) AS pending_bulk, h.oldest_pending_at, coalesce(h.retries, 0) AS retries,
  coalesce(h.breaker, 'closed') AS breaker, h.storage_bytes, coalesce(h.clock_skew_ms, 0) AS clock_skew_ms,
  h.last_error_code, h.last_error_at, coalesce(h.acknowledged, '{}') AS acknowledged`

const counts = Prisma.sql`c.open_conflicts, c.oldest_open_conflict_at, l.open_dead_letters`
const countsOf = Prisma.sql`
  CROSS JOIN LATERAL (SELECT count(*) AS open_conflicts, min(created_at) AS oldest_open_conflict_at
    FROM conflict WHERE device_id = p.id AND state = 'open') c
  CROSS JOIN LATERAL (SELECT count(*) AS open_dead_letters
    FROM dead_letter WHERE device_id = p.id AND state IN ('open', 'replaying')) l`

/** A page of devices, and how many match. `after` is the last row of the page before. */
export async function selectDevices(
  query: ParsedDeviceQuery,
  view: DeviceView,
  after: Keyset | null,
): Promise<{ rows: (DeviceRow & { sort_value: string })[]; total: number }> {
  const { expression, type, falls } = sorts[nameOf(query.sort)]
  const descends = query.sort.startsWith('-') !== Boolean(falls)
  const direction = Prisma.raw(descends ? 'DESC' : 'ASC')
  const where = matching(query, view)
  const beyond = after
    ? Prisma.sql`AND (${expression}, d.id) ${Prisma.raw(descends ? '<' : '>')} (${after.value}::text::${Prisma.raw(type)}, ${after.id}::uuid)`
    : Prisma.empty
  const [rows, counted] = await Promise.all([
    database().$queryRaw<(DeviceRow & { sort_value: string })[]>`
      SELECT p.*, ${counts} FROM (
        SELECT ${columns}, to_jsonb(${expression}) #>> '{}' AS sort_value, row_number() OVER (ORDER BY ${expression} ${direction}, d.id ${direction}) AS place
        FROM ${from(view)} WHERE ${where} ${beyond}
        ORDER BY ${expression} ${direction}, d.id ${direction} LIMIT ${query.limit}
      ) p ${countsOf} ORDER BY p.place`,
    database().$queryRaw<{ total: bigint }[]>`SELECT count(*) AS total FROM ${from(view)} WHERE ${where}`,
  ])
  return { rows, total: Number(counted[0]?.total ?? 0) }
}

export async function selectDevice(id: string, view: DeviceView): Promise<DeviceRow | null> {
  const rows = await database().$queryRaw<DeviceRow[]>`
    SELECT p.*, ${counts} FROM (SELECT ${columns} FROM ${from(view)} WHERE d.id = ${id}::uuid) p ${countsOf}`
  return rows[0] ?? null
}
