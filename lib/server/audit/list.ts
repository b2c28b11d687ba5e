import { z } from 'zod'
import { auditItemSchema, type AuditItem } from '#lib/protocol/access.ts'
import { instant } from '#lib/protocol/instant.ts'
import { authorise, type Actor } from '../actor.ts'
import { decodeCursor, encodeCursor, pageQuery, type Page } from '../list/page.ts'
import { selectAudit } from './store.ts'

const text = z.string().max(200).optional()

export const auditQuerySchema = z.object({
  ...pageQuery,
  /** Name or id of who did it. */
  actor: text,
  /** `noun.verb`, or a noun for all its verbs. */
  action: text,
  target: text,
  target_id: text,
  /** Found anywhere in who, what, target and reason. */
  q: text,
  from: instant.optional(),
  to: instant.optional(),
})
export type AuditQuery = z.input<typeof auditQuerySchema>

/** Who did what, newest first. */
export async function listAudit(actor: Actor, query: AuditQuery): Promise<Page<AuditItem>> {
  authorise(actor, 'viewer')
  const { limit, cursor, ...filter } = auditQuerySchema.parse(query)
  const before = decodeCursor(cursor, z.tuple([z.int()]))
  const { rows, total } = await selectAudit(filter, { limit, before: before && BigInt(before[0]) })
  const last = rows.at(-1)
  return {
    items: rows.map(({ id, at, actor_kind, actor_id, actor_name, ...rest }) => ({
      id: Number(id),
      at: at.toISOString(),
      actor: {
        kind: auditItemSchema.shape.actor.shape.kind.parse(actor_kind),
        id: actor_id,
        name: actor_name,
      },
      ...rest,
    })),
    next_cursor: last && rows.length === limit ? encodeCursor([Number(last.id)]) : null,
    total,
  }
}
