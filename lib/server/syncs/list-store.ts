import type { SyncsQuery } from '#lib/protocol/syncs.ts'
import { database } from '../db.ts'
import { Prisma } from '../generated/prisma/client.ts'

export type SessionListRow = {
  id: string
  started_at: Date
  sync_id: string | null
  device_id: string
  device_name: string | null
  duration_ms: number
  status: number
  outcome: 'ok' | 'partial' | 'failed'
  error_code: string | null
  pushed: number
  applied: number
  merged: number
  superseded: number
  no_change: number
  conflicts: number
  rejected: number
  replayed: number
  pulled: number
  resync: string | null
  request_bytes: number
  response_bytes: number
  scopes: string[]
  app_version: string
  lag_seconds: number | null
  trace_id: string | null
}

export const sessionColumns = Prisma.sql`s.id, s.started_at, s.sync_id, s.device_id, d.name AS device_name,
  s.duration_ms, s.status, s.outcome, s.error_code, s.pushed, s.applied, s.merged, s.superseded, s.no_change,
  s.conflicts, s.rejected, s.replayed, s.pulled, s.resync, s.request_bytes, s.response_bytes, s.scopes, s.app_version,
  s.lag_seconds, s.trace_id`

export type SessionFilter = Omit<SyncsQuery, 'limit' | 'cursor' | 'sort'>

function matching(filter: SessionFilter): Prisma.Sql {
  const parts = [Prisma.sql`true`]
  if (filter.device) parts.push(Prisma.sql`s.device_id = ${filter.device}::uuid`)
  if (filter.outcome) parts.push(Prisma.sql`s.outcome = ${filter.outcome}`)
  if (filter.scope) parts.push(Prisma.sql`s.scopes @> ARRAY[${filter.scope}]`)
  if (filter.table) parts.push(Prisma.sql`s.tables ? ${filter.table}`)
  // An error code says that the request failed, and failed ones have an index of their own.
  if (filter.error_code) parts.push(Prisma.sql`s.error_code = ${filter.error_code} AND s.outcome = 'failed'`)
  if (filter.app_version) parts.push(Prisma.sql`s.app_version = ${filter.app_version}`)
  if (filter.sync_id) parts.push(Prisma.sql`s.sync_id = ${filter.sync_id}::uuid`)
  if (filter.trace_id) parts.push(Prisma.sql`s.trace_id = ${filter.trace_id}`)
  if (filter.from) parts.push(Prisma.sql`s.started_at >= ${filter.from}::timestamptz`)
  if (filter.to) parts.push(Prisma.sql`s.started_at < ${filter.to}::timestamptz`)
  return Prisma.join(parts, ' AND ')
}

/** A page of sync sessions after a row, and how many match in all. */
export async function selectSessions(
  filter: SessionFilter,
  page: { limit: number; order: 'newest' | 'oldest'; after: { startedAt: string; id: string } | null },
): Promise<{ rows: SessionListRow[]; total: number }> {
  const { limit, order, after } = page
  const [direction, compare, within] =
    order === 'newest'
      ? [Prisma.sql`DESC`, Prisma.sql`<`, Prisma.sql`<=`]
      : [Prisma.sql`ASC`, Prisma.sql`>`, Prisma.sql`>=`]
  // The row comparison walks the index; the plain one lets partitions be skipped.
  const keyset = after
    ? Prisma.sql`AND (s.started_at, s.id) ${compare} (${after.startedAt}::timestamptz, ${after.id}::uuid)
        AND s.started_at ${within} ${after.startedAt}::timestamptz`
    : Prisma.empty
  const [rows, counted] = await Promise.all([
    database().$queryRaw<SessionListRow[]>`
      SELECT ${sessionColumns} FROM (
        SELECT * FROM sync_session s WHERE ${matching(filter)} ${keyset}
        ORDER BY s.started_at ${direction}, s.id ${direction} LIMIT ${limit}
      ) s LEFT JOIN device d ON d.id = s.device_id ORDER BY s.started_at ${direction}, s.id ${direction}`,
    database().$queryRaw<{ total: number }[]>`
      SELECT count(*)::int AS total FROM sync_session s WHERE ${matching(filter)}`,
  ])
  return { rows, total: counted[0]?.total ?? 0 }
}
