import { z } from 'zod'
import { deadLetterItemSchema, deadLetterStates, type DeadLetterItem } from '#lib/protocol/console.ts'
import { instant } from '#lib/protocol/instant.ts'
import { uuid } from '#lib/protocol/sync.ts'
import { authorise, type Actor } from '../actor.ts'
import { decodeCursor, encodeCursor, pageQuery, type Page } from '../list/page.ts'
import { selectDeadLetters, type DeadLetterRow } from './store.ts'

const text = z.string().max(200).optional()
export const deadLetterFilters = {
  state: z.enum(deadLetterStates).optional(),
  code: text,
  table: text,
  scope: text,
  device_id: uuid.optional(),
  record_id: uuid.optional(),
  fingerprint: text,
  source: z.enum(['server', 'device']).optional(),
}

export const deadLettersQuerySchema = z.object({
  ...pageQuery,
  ...deadLetterFilters,
  sort: z.enum(['-created_at', 'created_at']).default('-created_at'),
})
export type DeadLettersQuery = z.input<typeof deadLettersQuerySchema>

/** Dead letters by the time they arrived, newest first unless asked otherwise. */
export async function listDeadLetters(actor: Actor, query: DeadLettersQuery): Promise<Page<DeadLetterItem>> {
  authorise(actor, 'viewer')
  const { limit, cursor, sort, ...filter } = deadLettersQuerySchema.parse(query)
  const place = decodeCursor(cursor, z.tuple([instant, uuid]))
  const { rows, total } = await selectDeadLetters(filter, {
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

/** The part of a dead letter that lists show: the schema leaves out the rest. */
export function toItem(row: DeadLetterRow): DeadLetterItem {
  return deadLetterItemSchema.parse({
    ...row,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
    closed_at: row.closed_at?.toISOString() ?? null,
  })
}
