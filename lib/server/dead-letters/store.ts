import type { DeadLetterAttempt, DeadLetterGroup, DeadLetterItem } from '#lib/protocol/console.ts'
import { database, type Queryable } from '../db.ts'
import { Prisma } from '../generated/prisma/client.ts'

/** A dead letter as lists show it: times are still dates. */
export type DeadLetterRow = Omit<DeadLetterItem, 'created_at' | 'updated_at' | 'closed_at'> & {
  created_at: Date
  updated_at: Date
  closed_at: Date | null
}

/** A dead letter with its change, and what its device may do. */
export type WholeDeadLetter = DeadLetterRow & {
  change: string
  device_scopes: string[] | null
  /** Its device sent it again, in another operation. */
  is_closed_by_device: boolean
}

export type DeadLetterFilter = {
  state?: string | undefined
  code?: string | undefined
  table?: string | undefined
  scope?: string | undefined
  device_id?: string | undefined
  record_id?: string | undefined
  fingerprint?: string | undefined
  source?: string | undefined
}

const listed = Prisma.sql`l.id, l.state, l.source, l.code, l.detail, l.pointers, l.device_id, d.name AS device_name,
  l.scope, l."table", l.record_id, l.op_id, l.schema_version, l.fingerprint, l.attempts, l.trace_id, l.created_at,
  l.updated_at, l.replay_op_id, l.reason, coalesce(actor_name('device', l.closed_by), l.closed_by) AS closed_by, l.closed_at,
  l.version`

function matching(filter: DeadLetterFilter): Prisma.Sql {
  const parts = [Prisma.sql`true`]
  if (filter.state) parts.push(Prisma.sql`l.state = ${filter.state}`)
  if (filter.code) parts.push(Prisma.sql`l.code = ${filter.code}`)
  if (filter.table) parts.push(Prisma.sql`l."table" = ${filter.table}`)
  if (filter.scope) parts.push(Prisma.sql`l.scope = ${filter.scope}`)
  if (filter.device_id) parts.push(Prisma.sql`l.device_id = ${filter.device_id}::uuid`)
  if (filter.record_id) parts.push(Prisma.sql`l.record_id = ${filter.record_id}::uuid`)
  if (filter.fingerprint) parts.push(Prisma.sql`l.fingerprint = ${filter.fingerprint}`)
  if (filter.source) parts.push(Prisma.sql`l.source = ${filter.source}`)
  return Prisma.join(parts, ' AND ')
}

/** Newest or oldest first; `after` is the last row of the page before. */
export async function selectDeadLetters(
  filter: DeadLetterFilter,
  page: { limit: number; oldestFirst: boolean; after: { createdAt: string; id: string } | null },
): Promise<{ rows: DeadLetterRow[]; total: number }> {
  const order = page.oldestFirst ? Prisma.sql`ASC` : Prisma.sql`DESC`
  const beyond = page.oldestFirst ? Prisma.sql`>` : Prisma.sql`<`
  const after = page.after
    ? Prisma.sql`AND (l.created_at, l.id) ${beyond} (${page.after.createdAt}::timestamptz, ${page.after.id}::uuid)`
    : Prisma.empty
  const [rows, counted] = await Promise.all([
    database().$queryRaw<DeadLetterRow[]>`
      SELECT ${listed} FROM dead_letter l LEFT JOIN device d ON d.id = l.device_id WHERE ${matching(filter)} ${after}
      ORDER BY l.created_at ${order}, l.id ${order} LIMIT ${page.limit}`,
    database().$queryRaw<
      { total: bigint }[]
    >`SELECT count(*) AS total FROM dead_letter l WHERE ${matching(filter)}`,
  ])
  return { rows, total: Number(counted[0]?.total ?? 0) }
}

export type GroupRow = Omit<DeadLetterGroup, 'pattern' | 'first_seen' | 'last_seen'> & {
  first_seen: Date
  last_seen: Date
}

/** Faults, the latest first; each counted over all its letters that match, whatever their state. */
export async function selectGroups(
  filter: Omit<DeadLetterFilter, 'state'> & { state?: string | undefined },
  page: { limit: number; after: { lastSeen: string; fingerprint: string } | null },
): Promise<{ rows: GroupRow[]; total: number }> {
  const { state, ...others } = filter
  const inState = state ? Prisma.sql`HAVING bool_or(l.state = ${state})` : Prisma.empty
  const groups = Prisma.sql`
    SELECT l.fingerprint, count(*)::int AS total, count(DISTINCT l.device_id)::int AS devices,
      (count(*) FILTER (WHERE l.state IN ('open', 'replaying')))::int AS open,
      (count(*) FILTER (WHERE l.state = 'replayed'))::int AS replayed,
      (count(*) FILTER (WHERE l.state = 'discarded'))::int AS discarded,
      min(l.created_at) AS first_seen, max(l.created_at) AS last_seen
    FROM dead_letter l WHERE ${matching(others)} GROUP BY l.fingerprint ${inState}`
  const after = page.after
    ? Prisma.sql`WHERE (g.last_seen, g.fingerprint) < (${page.after.lastSeen}::timestamptz, ${page.after.fingerprint})`
    : Prisma.empty
  const [rows, counted] = await Promise.all([
    database().$queryRaw<GroupRow[]>`
      SELECT g.*, s.* FROM (${groups}) g
      CROSS JOIN LATERAL (
        SELECT l.id AS sample_id, l.detail AS sample_detail, l.code, l."table", l.schema_version
        FROM dead_letter l WHERE l.fingerprint = g.fingerprint ORDER BY l.created_at DESC, l.id DESC LIMIT 1
      ) s
      ${after} ORDER BY g.last_seen DESC, g.fingerprint DESC LIMIT ${page.limit}`,
    database().$queryRaw<{ total: bigint }[]>`SELECT count(*) AS total FROM (${groups}) g`,
  ])
  return { rows, total: Number(counted[0]?.total ?? 0) }
}

export async function selectDeadLetter(id: string): Promise<WholeDeadLetter | null> {
  const [row] = await database().$queryRaw<WholeDeadLetter[]>`
    SELECT ${listed}, l.change, d.scopes AS device_scopes,
      l.closed_by IS NOT NULL AND l.closed_by = l.device_id::text AS is_closed_by_device
    FROM dead_letter l LEFT JOIN device d ON d.id = l.device_id WHERE l.id = ${id}::uuid`
  return row ?? null
}

/** Oldest first. */
export function selectAttempts(id: string): Promise<(Omit<DeadLetterAttempt, 'at'> & { at: Date })[]> {
  return database().$queryRaw<(Omit<DeadLetterAttempt, 'at'> & { at: Date })[]>`
    SELECT at, coalesce(actor_name('device', actor), actor) AS actor, op_id, outcome, code, detail, change, trace_id
    FROM dead_letter_attempt a WHERE a.dead_letter_id = ${id}::uuid ORDER BY a.id LIMIT 1000`
}

/**
 * Moves a dead letter from one state to another, and notes it among its attempts.
 * @returns false where it is not in that state, or not at that version, any more
 */
export async function moveDeadLetter(
  db: Queryable,
  move: {
    id: string
    version: number
    from: 'open' | 'discarded'
    to: 'open' | 'discarded'
    actor: string
    reason: string
    traceId: string
  },
): Promise<boolean> {
  const { id, version, from, to, actor, reason, traceId } = move
  const closing = to === 'discarded'
  const moved = await db.$queryRaw<unknown[]>`
    WITH moved AS (
      UPDATE dead_letter SET state = ${to}, version = version + 1, updated_at = now(), reason = ${reason},
        closed_by = CASE WHEN ${closing} THEN ${actor} END, closed_at = CASE WHEN ${closing} THEN now() END
      WHERE id = ${id}::uuid AND state = ${from} AND version = ${version} RETURNING id
    ), noted AS (
      INSERT INTO dead_letter_attempt (dead_letter_id, actor, outcome, detail, trace_id)
      SELECT id, ${actor}, ${closing ? 'discarded' : 'restored'}, ${reason}, ${traceId} FROM moved
    )
    SELECT id FROM moved`
  return moved.length > 0
}
