import { z } from 'zod'
import type { RecordState } from '#lib/protocol/console.ts'
import { uuid } from '#lib/protocol/sync.ts'
import { authorise, type Actor } from '../actor.ts'
import { decodeCursor, encodeCursor, pageQuery, type Page } from '../list/page.ts'
import { toState } from './read.ts'
import { selectRecordList } from './store.ts'

const name = z.string().min(1).max(200).optional()

export const recordsQuerySchema = z.object({
  ...pageQuery,
  table: name,
  scope: name,
  /** `include`: deleted records, too. */
  deleted: z.enum(['include', 'exclude']).default('exclude'),
})

/** Records as they are now, by table, id and scope. */
export async function listRecords(
  actor: Actor,
  query: z.input<typeof recordsQuerySchema>,
): Promise<Page<RecordState>> {
  authorise(actor, 'viewer')
  const { limit, cursor, deleted, ...filter } = recordsQuerySchema.parse(query)
  const place = decodeCursor(cursor, z.tuple([z.string(), uuid, z.string()]))
  const { rows, total } = await selectRecordList(
    { ...filter, deleted: deleted === 'include' },
    { limit: limit + 1, after: place && { table: place[0], id: place[1], scope: place[2] } },
  )
  const items = rows.slice(0, limit).map(toState)
  const last = items.at(-1)
  const next = rows.length > limit && last ? encodeCursor([last.table, last.record_id, last.scope]) : null
  return { items, next_cursor: next, total }
}
