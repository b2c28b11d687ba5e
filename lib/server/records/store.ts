import type { JsonObject } from '#lib/core/json.ts'
import type { LostValue } from '#lib/core/merge.ts'
import type { Vector } from '#lib/core/vector.ts'
import type { RecordVersion } from '#lib/protocol/console.ts'
import { database } from '../db.ts'
import { Prisma } from '../generated/prisma/client.ts'

export type RecordRow = {
  scope: string
  table: string
  record_id: string
  version: number
  data: JsonObject | null
  deleted: boolean
  checksum: string
  hlc: string
  vector: Vector
  last_op_id: string | null
  last_device_id: string | null
  created_at: Date
  updated_at: Date
}

const columns = Prisma.sql`scope, "table", id AS record_id, version, data, deleted, checksum, hlc, vector, last_op_id,
  last_device_id, created_at, updated_at`

/** The records of one id in a table: more than one where it lives in several scopes. */
export function selectRecords(table: string, id: string, scope: string | undefined): Promise<RecordRow[]> {
  const inScope = scope === undefined ? Prisma.empty : Prisma.sql`AND scope = ${scope}`
  return database().$queryRaw<RecordRow[]>`
    SELECT ${columns} FROM record WHERE "table" = ${table} AND id = ${id}::uuid ${inScope} ORDER BY scope LIMIT 20`
}

type ListedPlace = { table: string; id: string; scope: string }

/** By table, id and scope; `after` is the last row of the page before. */
export async function selectRecordList(
  filter: { table?: string | undefined; scope?: string | undefined; deleted: boolean },
  page: { limit: number; after: ListedPlace | null },
): Promise<{ rows: RecordRow[]; total: number }> {
  const parts = [filter.deleted ? Prisma.sql`true` : Prisma.sql`NOT deleted`]
  if (filter.table) parts.push(Prisma.sql`"table" = ${filter.table}`)
  if (filter.scope) parts.push(Prisma.sql`scope = ${filter.scope}`)
  const matching = Prisma.join(parts, ' AND ')
  const after = page.after
    ? Prisma.sql`AND ("table", id, scope) > (${page.after.table}, ${page.after.id}::uuid, ${page.after.scope})`
    : Prisma.empty
  const [rows, counted] = await Promise.all([
    database().$queryRaw<RecordRow[]>`
      SELECT ${columns} FROM record WHERE ${matching} ${after} ORDER BY "table", id, scope LIMIT ${page.limit}`,
    database().$queryRaw<{ total: bigint }[]>`SELECT count(*) AS total FROM record WHERE ${matching}`,
  ])
  return { rows, total: Number(counted[0]?.total ?? 0) }
}

export type VersionRow = {
  scope: string
  ordinal: number
  batch: string
  committed_at: Date
  operation: RecordVersion['operation']
  effect: RecordVersion['effect']
  op_id: string | null
  outcome: string
  before_version: number
  after_version: number
  data: JsonObject | null
  checksum: string
  hlc: string
  vector: Vector
  rule: JsonObject
  lost: LostValue[] | null
  conflict_id: string | null
  dead_letter_id: string | null
  trace_id: string | null
  actor_kind: RecordVersion['by']['kind']
  actor_id: string
  actor_name: string | null
  /** State at `before_version`. */
  before_data: JsonObject | null
}

type RecordKey = { scope: string; table: string; id: string }
export type HistoryPlace = { at: string; version: number; ordinal: number }

/** The scope, and those from which the record came there. */
async function selectScopesBefore({ scope, table, id }: RecordKey): Promise<string[]> {
  const moves = await database().$queryRaw<{ scope: string; before: string }[]>`
    SELECT DISTINCT scope, rule->>'moved_from' AS before FROM feed_change
    WHERE record_id = ${id}::uuid AND "table" = ${table} AND rule ? 'moved_from'`
  const scopes = new Set([scope])
  // A set that grows while it is gone through is gone through to its end.
  for (const reached of scopes) {
    for (const move of moves) if (move.scope === reached) scopes.add(move.before)
  }
  return [...scopes]
}

/** What happened to a record, newest first; `after` is the last row of the page before. */
export async function selectVersions(
  key: RecordKey,
  page: { limit: number; after: HistoryPlace | null },
): Promise<{ rows: VersionRow[]; total: number }> {
  const scopes = await selectScopesBefore(key)
  const of = Prisma.sql`c.record_id = ${key.id}::uuid AND c."table" = ${key.table} AND c.scope = ANY (${scopes})`
  const after = page.after
    ? Prisma.sql`AND (c.committed_at, c.after_version, c.ordinal)
        < (${page.after.at}::timestamptz, ${page.after.version}, ${page.after.ordinal})`
    : Prisma.empty
  const [rows, counted] = await Promise.all([
    database().$queryRaw<VersionRow[]>`
      SELECT c.scope, c.ordinal, c.batch, c.committed_at, c.operation, c.effect, c.op_id, c.outcome, c.before_version,
        c.after_version, c.data, c.checksum, c.hlc, c.vector, c.rule, c.lost, c.conflict_id, c.dead_letter_id,
        k.trace_id, k.actor_kind, k.actor_id, actor_name(k.actor_kind, k.actor_id) AS actor_name,
        before.data AS before_data
      FROM (
        SELECT * FROM feed_change c WHERE ${of} ${after}
        ORDER BY c.committed_at DESC, c.after_version DESC, c.ordinal DESC LIMIT ${page.limit}
      ) c
      JOIN feed_commit k ON k.batch = c.batch AND k.scope = c.scope AND k.committed_at = c.committed_at
      LEFT JOIN LATERAL (
        SELECT b.data FROM feed_change b
        WHERE b.record_id = c.record_id AND b."table" = c."table" AND b.scope IN (c.scope, c.rule->>'moved_from')
          AND b.after_version = c.before_version AND b.effect IN ('UPSERT', 'DELETE')
        LIMIT 1
      ) before ON c.effect NOT IN ('NONE', 'LEAVE')
      ORDER BY c.committed_at DESC, c.after_version DESC, c.ordinal DESC`,
    database().$queryRaw<{ total: bigint }[]>`SELECT count(*) AS total FROM feed_change c WHERE ${of}`,
  ])
  return { rows, total: Number(counted[0]?.total ?? 0) }
}

/**
 * A record's state in a scope before a version was written there, or left it.
 * @returns undefined where that can no longer be read
 */
export async function selectStateBefore(
  key: RecordKey,
  version: number,
): Promise<JsonObject | null | undefined> {
  const [row] = await database().$queryRaw<{ data: JsonObject | null }[]>`
    SELECT b.data FROM feed_change c
    JOIN feed_change b ON b.record_id = c.record_id AND b."table" = c."table" AND b.scope = c.scope
      AND b.after_version = c.before_version AND b.effect IN ('UPSERT', 'DELETE')
    WHERE c.record_id = ${key.id}::uuid AND c."table" = ${key.table} AND c.scope = ${key.scope}
      AND c.after_version = ${version} AND c.effect <> 'NONE' LIMIT 1`
  return row?.data
}

/** The scope that a record went to with the version that left its scope; null where that version did not leave. */
export async function selectMovedTo(key: RecordKey, version: number): Promise<string | null> {
  const [row] = await database().$queryRaw<{ moved_to: string | null }[]>`
    SELECT rule->>'moved_to' AS moved_to FROM feed_change
    WHERE record_id = ${key.id}::uuid AND "table" = ${key.table} AND scope = ${key.scope}
      AND after_version = ${version} AND effect = 'LEAVE' LIMIT 1`
  return row?.moved_to ?? null
}

/** Who wrote a version of a record. */
export async function selectWriter(
  key: RecordKey,
  version: number,
): Promise<{ kind: RecordVersion['by']['kind']; id: string; name: string | null } | null> {
  const [row] = await database().$queryRaw<
    { kind: RecordVersion['by']['kind']; id: string; name: string | null }[]
  >`
    SELECT k.actor_kind AS kind, k.actor_id AS id, actor_name(k.actor_kind, k.actor_id) AS name
    FROM feed_change c
    JOIN feed_commit k ON k.batch = c.batch AND k.scope = c.scope AND k.committed_at = c.committed_at
    WHERE c.record_id = ${key.id}::uuid AND c."table" = ${key.table} AND c.scope = ${key.scope}
      AND c.after_version = ${version} AND c.effect IN ('UPSERT', 'DELETE') LIMIT 1`
  return row ?? null
}
