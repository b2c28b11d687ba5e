import type { JsonObject } from '#lib/core/json.ts'
import type { Vector } from '#lib/core/vector.ts'
import type { ConflictDetail, ConflictItem } from '#lib/protocol/console.ts'
import { database } from '../db.ts'
import { Prisma } from '../generated/prisma/client.ts'

/** A conflict as lists show it: times are still dates. */
export type ConflictRow = Omit<ConflictItem, 'created_at' | 'resolved_at'> & {
  created_at: Date
  resolved_at: Date | null
}

/** A conflict with its three states. */
export type WholeConflict = ConflictRow & {
  op_id: string
  later_op_ids: string[]
  trace_id: string | null
  to_scope: string | null
  /** The scope that the resolution moved the record out of. */
  moved_from: string | null
  base_data: JsonObject | null
  client_data: JsonObject | null
  client_hlc: string
  client_vector: Vector
  server_data: JsonObject | null
  server_hlc: string
  server_vector: Vector
  clock_skew_ms: number | null
  resolution: JsonObject | null
  resolved_version: number | null
}

export type ConflictFilter = {
  state?: string | undefined
  table?: string | undefined
  scope?: string | undefined
  device_id?: string | undefined
  record_id?: string | undefined
  field?: string | undefined
  code?: string | undefined
}

const listed = Prisma.sql`c.id, c.state, c.code, c.scope, c."table", c.record_id, c.operation, c.fields, c.strategy,
  c.device_id, d.name AS device_name, c.server_device_id, s.name AS server_device_name, c.base_version,
  c.server_version, c.created_at, c.resolved_at, c.resolved_by, c.choice, c.reason, c.version`
const devices = Prisma.sql`LEFT JOIN device d ON d.id = c.device_id LEFT JOIN device s ON s.id = c.server_device_id`

function matching(filter: ConflictFilter): Prisma.Sql {
  const parts = [Prisma.sql`true`]
  if (filter.state) parts.push(Prisma.sql`c.state = ${filter.state}`)
  if (filter.table) parts.push(Prisma.sql`c."table" = ${filter.table}`)
  if (filter.scope) parts.push(Prisma.sql`c.scope = ${filter.scope}`)
  if (filter.device_id) parts.push(Prisma.sql`c.device_id = ${filter.device_id}::uuid`)
  if (filter.record_id) parts.push(Prisma.sql`c.record_id = ${filter.record_id}::uuid`)
  if (filter.code) parts.push(Prisma.sql`c.code = ${filter.code}`)
  // `address` also finds what clashes within it.
  if (filter.field) {
    parts.push(Prisma.sql`EXISTS (SELECT FROM unnest(c.fields) f
      WHERE f = ${filter.field} OR starts_with(f, ${filter.field} || '.'))`)
  }
  return Prisma.join(parts, ' AND ')
}

/** Newest or oldest first; `after` is the last row of the page before. */
export async function selectConflicts(
  filter: ConflictFilter,
  page: { limit: number; oldestFirst: boolean; after: { createdAt: string; id: string } | null },
): Promise<{ rows: ConflictRow[]; total: number }> {
  const order = page.oldestFirst ? Prisma.sql`ASC` : Prisma.sql`DESC`
  const beyond = page.oldestFirst ? Prisma.sql`>` : Prisma.sql`<`
  const after = page.after
    ? Prisma.sql`AND (c.created_at, c.id) ${beyond} (${page.after.createdAt}::timestamptz, ${page.after.id}::uuid)`
    : Prisma.empty
  const [rows, counted] = await Promise.all([
    database().$queryRaw<ConflictRow[]>`
      SELECT ${listed} FROM conflict c ${devices} WHERE ${matching(filter)} ${after}
      ORDER BY c.created_at ${order}, c.id ${order} LIMIT ${page.limit}`,
    database().$queryRaw<
      { total: bigint }[]
    >`SELECT count(*) AS total FROM conflict c WHERE ${matching(filter)}`,
  ])
  return { rows, total: Number(counted[0]?.total ?? 0) }
}

export async function selectConflict(id: string): Promise<WholeConflict | null> {
  const [row] = await database().$queryRaw<WholeConflict[]>`
    SELECT ${listed}, c.op_id, c.later_op_ids, c.trace_id, c.to_scope, c.moved_from, c.base_data, c.client_data,
      c.client_hlc, c.client_vector, c.server_data, c.server_hlc, c.server_vector, c.resolution, c.resolved_version,
      h.clock_skew_ms::float8 AS clock_skew_ms
    FROM conflict c ${devices} LEFT JOIN device_health h ON h.device_id = c.device_id WHERE c.id = ${id}::uuid`
  return row ?? null
}

export async function selectDeviceNames(ids: readonly string[]): Promise<Map<string, string>> {
  const rows = await database().$queryRaw<{ id: string; name: string }[]>`
    SELECT id, name FROM device WHERE id = ANY (${[...ids]}::uuid[])`
  return new Map(rows.map(({ id, name }) => [id, name]))
}

/**
 * The step of a saga that a conflict came of, or whose undoing it is: by the steps, and by the log for those that were
 * settled when a step did not keep the name of its conflict.
 */
export async function selectSagaOf({ id, table, record_id }: WholeConflict): Promise<ConflictDetail['saga']> {
  const [row] = await database().$queryRaw<NonNullable<ConflictDetail['saga']>[]>`
    (SELECT saga_id AS id, step, undo_conflict_id IS NOT DISTINCT FROM ${id}::uuid AS undoes
      FROM saga_step WHERE conflict_id = ${id}::uuid OR undo_conflict_id = ${id}::uuid ORDER BY at LIMIT 1)
    UNION ALL
    (SELECT (ch.rule->'saga'->>'id')::uuid, (ch.rule->'saga'->>'step')::int, true
      FROM feed_change ch WHERE ch.record_id = ${record_id}::uuid AND ch."table" = ${table}
        AND ch.conflict_id = ${id}::uuid AND ch.rule->>'strategy' = 'saga_compensation' LIMIT 1)
    LIMIT 1`
  return row ?? null
}

/**
 * How far a version of a record has come: the active devices of its scope, those whose acknowledged position is at its
 * commit or past it, and whether one of them is this device. @returns null where the commit is no longer in the log
 */
export async function selectReached(
  { scope, table, record_id, device_id }: WholeConflict,
  version: number,
): Promise<{ devices: number; confirmed: number; sender: boolean | null } | null> {
  const [row] = await database().$queryRaw<{ devices: number; confirmed: number; sender: boolean | null }[]>`
    SELECT count(d.id)::int AS devices, count(d.id) FILTER (WHERE d.has_it)::int AS confirmed,
      bool_or(d.has_it) FILTER (WHERE d.id = ${device_id}::uuid) AS sender
    FROM (
      SELECT c.seq FROM feed_change ch
      JOIN feed_commit c ON c.scope = ch.scope AND c.batch = ch.batch AND c.committed_at = ch.committed_at
      WHERE ch.record_id = ${record_id}::uuid AND ch."table" = ${table} AND ch.scope = ${scope}
        AND ch.after_version = ${version} AND ch.effect <> 'NONE' LIMIT 1
    ) at
    LEFT JOIN LATERAL (
      SELECT d.id, coalesce((h.acknowledged->>${scope})::bigint >= at.seq, false) AS has_it
      FROM device d LEFT JOIN device_health h ON h.device_id = d.id
      WHERE d.status = 'active' AND ${scope} = ANY (d.scopes)
    ) d ON true
    GROUP BY at.seq`
  return row ?? null
}
