import type { Json } from '#lib/core/json.ts'
import type { Actor } from '../actor.ts'
import type { Queryable } from '../db.ts'
import { insertAudit, type AuditRow } from './store.ts'

/** One thing that somebody did. Never put a secret in `before` or `after`. */
export type AuditEntry = {
  actor: Actor | AuditedDevice
  /** noun.verb, such as `conflict.resolve` */
  action: string
  /** noun of the target, such as `conflict` */
  target: string
  targetId: string
  reason?: string | undefined
  before?: Json | undefined
  after?: Json | undefined
  traceId?: string | undefined
}

/** A device that acts for itself, such as when it enrols. */
export type AuditedDevice = { kind: 'device'; id: string; name: string }

/** The rows as the SQL function `audit_append(jsonb)` takes them, for functions that append in their own statement. */
export function auditRows(entries: readonly AuditEntry[]): AuditRow[] {
  return entries.map((entry) => ({
    actor_kind: entry.actor.kind,
    actor_id: entry.actor.id,
    actor_name: entry.actor.name,
    action: entry.action,
    target: entry.target,
    target_id: entry.targetId,
    reason: entry.reason ?? null,
    before: entry.before ?? null,
    after: entry.after ?? null,
    trace_id: entry.traceId ?? null,
  }))
}

/**
 * Appends to the audit, in order, each entry chained to the one before it.
 * Call it last in the transaction of what it tells: the chain's head is held until commit.
 */
export async function appendAudit(db: Queryable, entries: readonly AuditEntry[]): Promise<void> {
  if (entries.length > 0) await insertAudit(db, auditRows(entries))
}
