import { z } from 'zod'
import { instant } from '#lib/protocol/instant.ts'
import type { SyncItem, SyncsQuery } from '#lib/protocol/syncs.ts'
import { uuid } from '#lib/protocol/sync.ts'
import { authorise, type Actor } from '../actor.ts'
import { decodeCursor, encodeCursor, type Page } from '../list/page.ts'
import { selectSessions, type SessionListRow } from './list-store.ts'
import { flushSyncRecords } from './record.ts'

const cursorSchema = z.tuple([z.enum(['-started_at', 'started_at']), instant, uuid])

/** Requests to /sync, newest first; the total is exact. */
export async function listSyncs(actor: Actor, query: SyncsQuery): Promise<Page<SyncItem>> {
  authorise(actor, 'viewer')
  await flushSyncRecords()
  const { limit, cursor, sort, ...filter } = query
  const after = decodeCursor(
    cursor,
    cursorSchema.refine(([order]) => order === sort),
  )
  const { rows, total } = await selectSessions(filter, {
    limit,
    order: sort === 'started_at' ? 'oldest' : 'newest',
    after: after && { startedAt: after[1], id: after[2] },
  })
  const last = rows.at(-1)
  return {
    items: rows.map(toSyncItem),
    next_cursor:
      last && rows.length === limit ? encodeCursor([sort, last.started_at.toISOString(), last.id]) : null,
    total,
  }
}

export function toSyncItem(row: SessionListRow): SyncItem {
  return { ...row, started_at: row.started_at.toISOString() }
}
