import { z } from 'zod'
import { conflictItemSchema, conflictStates, type ConflictItem } from '#lib/protocol/console.ts'
import { instant } from '#lib/protocol/instant.ts'
import { uuid } from '#lib/protocol/sync.ts'
import { authorise, type Actor } from '../actor.ts'
import { decodeCursor, encodeCursor, pageQuery, type Page } from '../list/page.ts'
import { selectConflicts, type ConflictRow } from './store.ts'

const text = z.string().max(200).optional()

export const conflictsQuerySchema = z.object({
  ...pageQuery,
  sort: z.enum(['-created_at', 'created_at']).default('-created_at'),
  state: z.enum(conflictStates).optional(),
  code: text,
  table: text,
  scope: text,
  device_id: uuid.optional(),
  record_id: uuid.optional(),
  /** A place that clashes, or one that it lies in. */
  field: text,
})
export type ConflictsQuery = z.input<typeof conflictsQuerySchema>

/** Conflicts by the time they arose, newest first unless asked otherwise. */
export async function listConflicts(actor: Actor, query: ConflictsQuery): Promise<Page<ConflictItem>> {
  authorise(actor, 'viewer')
  const { limit, cursor, sort, ...filter } = conflictsQuerySchema.parse(query)
  const place = decodeCursor(cursor, z.tuple([instant, uuid]))
  const { rows, total } = await selectConflicts(filter, {
    limit: limit + 1,
    oldestFirst: sort === 'created_at',
    after: place && { createdAt: place[0], id: place[1] },
  })
  const items = rows.slice(0, limit).map(toItem)
  const last = items.at(-1)
  return {
    items,
    next_cursor: rows.length > limit && last ? encodeCursor([last.created_at, last.id]) : null,
    total,
  }
}

/** The part of a conflict that lists show: the schema leaves out the rest. */
export function toItem(row: ConflictRow): ConflictItem {
  return conflictItemSchema.parse({
    ...row,
    created_at: row.created_at.toISOString(),
    resolved_at: row.resolved_at?.toISOString() ?? null,
  })
}
