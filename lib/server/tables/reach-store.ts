import { database } from '../db.ts'
import { Prisma } from '../generated/prisma/client.ts'

export type ReachRow = {
  scope: string
  seq: number
  min_seq: number
  begins_at: Date | null
  compacted_at: Date | null
  behind: number
}

export type ReachTotals = {
  scopes: number
  compacted: number
  behind: number
  last_compacted_at: Date | null
}

/** The scopes with records of a table, and the devices whose position, as they told it, lies below the mark of one. */
const parts = (table: string) => Prisma.sql`
  held AS (
    SELECT h.scope, h.seq, h.min_seq, k.created_at AS compacted_at
    FROM feed_head h LEFT JOIN feed_checkpoint k ON k.scope = h.scope
    WHERE EXISTS (SELECT FROM record r WHERE r.scope = h.scope AND r."table" = ${table})
  ), behind AS (
    SELECT h.scope, d.id FROM device d CROSS JOIN unnest(d.scopes) s(scope)
    JOIN held h ON h.scope = s.scope AND h.min_seq > 0
    JOIN device_health t ON t.device_id = d.id
    WHERE d.status <> 'revoked' AND (t.acknowledged->>h.scope)::bigint < h.min_seq
  )`

/** First the scopes that devices have fallen behind of, then those that were compacted last. */
export function selectReach(table: string, limit: number): Promise<ReachRow[]> {
  return database().$queryRaw<ReachRow[]>`
    WITH ${parts(table)}, shown AS (
      SELECT h.*, (SELECT count(*) FROM behind b WHERE b.scope = h.scope) AS behind
      FROM held h ORDER BY behind DESC, compacted_at DESC NULLS LAST, h.scope LIMIT ${limit}
    )
    SELECT s.scope, s.seq::float8 AS seq, s.min_seq::float8 AS min_seq, s.compacted_at, s.behind::int AS behind, (
      SELECT c.committed_at FROM feed_commit c WHERE c.scope = s.scope AND c.seq > s.min_seq ORDER BY c.seq LIMIT 1
    ) AS begins_at
    FROM shown s ORDER BY behind DESC, compacted_at DESC NULLS LAST, scope`
}

export async function selectReachTotals(table: string): Promise<ReachTotals> {
  const [row] = await database().$queryRaw<ReachTotals[]>`
    WITH ${parts(table)}
    SELECT count(*)::int AS scopes, count(*) FILTER (WHERE min_seq > 0)::int AS compacted,
      (SELECT count(DISTINCT id) FROM behind)::int AS behind, max(compacted_at) AS last_compacted_at
    FROM held`
  return row!
}
