import { z } from 'zod'
import { detailPattern } from '#lib/core/fingerprint.ts'
import type { DeadLetterGroup } from '#lib/protocol/console.ts'
import { instant } from '#lib/protocol/instant.ts'
import { authorise, type Actor } from '../actor.ts'
import { decodeCursor, encodeCursor, pageQuery, type Page } from '../list/page.ts'
import { deadLetterFilters } from './list.ts'
import { selectGroups } from './store.ts'

export const deadLetterGroupsQuerySchema = z.object({ ...pageQuery, ...deadLetterFilters })
export type DeadLetterGroupsQuery = z.input<typeof deadLetterGroupsQuerySchema>

/** Dead letters by fault, the latest first. With `state`, faults that have a letter in it. */
export async function listDeadLetterGroups(
  actor: Actor,
  query: DeadLetterGroupsQuery,
): Promise<Page<DeadLetterGroup>> {
  authorise(actor, 'viewer')
  const { limit, cursor, ...filter } = deadLetterGroupsQuerySchema.parse(query)
  const place = decodeCursor(cursor, z.tuple([instant, z.string()]))
  const { rows, total } = await selectGroups(filter, {
    limit: limit + 1,
    after: place && { lastSeen: place[0], fingerprint: place[1] },
  })
  const items = rows.slice(0, limit).map((row) => ({
    ...row,
    pattern: detailPattern(row.sample_detail),
    first_seen: row.first_seen.toISOString(),
    last_seen: row.last_seen.toISOString(),
  }))
  const last = items.at(-1)
  return {
    items,
    next_cursor: rows.length > limit && last ? encodeCursor([last.last_seen, last.fingerprint]) : null,
    total,
  }
}
