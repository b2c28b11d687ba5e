import type { Json } from '#lib/core/json.ts'
import { database, type Queryable } from '../db.ts'
import { Prisma } from '../generated/prisma/client.ts'

/** An entry as `audit_append` reads it. */
export type AuditRow = {
  actor_kind: string
  actor_id: string
  actor_name: string
  action: string
  target: string
  target_id: string
  reason: string | null
  before: Json
  after: Json
  trace_id: string | null
}

export type StoredAudit = {
  id: bigint
  at: Date
  actor_kind: string
  actor_id: string
  actor_name: string
  action: string
  target: string
  target_id: string
  reason: string | null
  before: Json
  after: Json
  trace_id: string | null
}

export async function insertAudit(db: Queryable, rows: AuditRow[]): Promise<void> {
  await db.$executeRaw`SELECT audit_append(${JSON.stringify(rows)}::jsonb)`
}

export type AuditFilter = {
  actor?: string | undefined
  action?: string | undefined
  target?: string | undefined
  target_id?: string | undefined
  q?: string | undefined
  from?: string | undefined
  to?: string | undefined
}

function matching(filter: AuditFilter): Prisma.Sql {
  const parts = [Prisma.sql`true`]
  if (filter.actor) parts.push(Prisma.sql`(actor_name = ${filter.actor} OR actor_id = ${filter.actor})`)
  // `device` finds every action on devices, `device.revoke` that one.
  if (filter.action) {
    parts.push(Prisma.sql`(action = ${filter.action} OR starts_with(action, ${filter.action} || '.'))`)
  }
  if (filter.target) parts.push(Prisma.sql`target = ${filter.target}`)
  if (filter.target_id) parts.push(Prisma.sql`target_id = ${filter.target_id}`)
  if (filter.q) {
    parts.push(
      Prisma.sql`strpos(lower(concat_ws(' ', actor_name, action, target, target_id, reason)), lower(${filter.q})) > 0`,
    )
  }
  if (filter.from) parts.push(Prisma.sql`at >= ${filter.from}::timestamptz`)
  if (filter.to) parts.push(Prisma.sql`at < ${filter.to}::timestamptz`)
  return Prisma.join(parts, ' AND ')
}

/** The newest first; `before` is the id of the last row of the page before. */
export async function selectAudit(
  filter: AuditFilter,
  page: { limit: number; before: bigint | null },
): Promise<{ rows: StoredAudit[]; total: number }> {
  const after = page.before === null ? Prisma.empty : Prisma.sql`AND id < ${page.before}`
  const [rows, counted] = await Promise.all([
    database().$queryRaw<StoredAudit[]>`
      SELECT id, at, actor_kind, actor_id, actor_name, action, target, target_id, reason, before, after, trace_id
      FROM audit WHERE ${matching(filter)} ${after} ORDER BY id DESC LIMIT ${page.limit}`,
    database().$queryRaw<{ total: bigint }[]>`SELECT count(*) AS total FROM audit WHERE ${matching(filter)}`,
  ])
  return { rows, total: Number(counted[0]?.total ?? 0) }
}

export type AuditLink = { id: bigint; chain: Uint8Array; digest: Uint8Array }

/** `behind` is the first entry after the last that the head knows of, all seen at one moment; null where there is none. */
export type AuditHead = { last_id: bigint; chain: Uint8Array; behind: bigint | null }

export async function selectAuditHead(): Promise<AuditHead | null> {
  const rows = await database().$queryRaw<AuditHead[]>`
    SELECT last_id, chain, (SELECT min(a.id) FROM audit a WHERE a.id > h.last_id) AS behind
    FROM audit_head h WHERE h.id = 1`
  return rows[0] ?? null
}

/** What rows add to the chain, oldest first, from after `after` up to and with `upTo`. */
export async function selectAuditLinks(after: bigint, upTo: bigint, limit: number): Promise<AuditLink[]> {
  return database().$queryRaw<AuditLink[]>`
    SELECT id, chain, audit_digest(audit) AS digest FROM audit
    WHERE id > ${after} AND id <= ${upTo} ORDER BY id, at LIMIT ${limit}`
}
