import { z } from 'zod'
import { sagaStates } from '#lib/core/saga.ts'
import { instant } from '#lib/protocol/instant.ts'
import { sagaItemSchema, type SagaItem } from '#lib/protocol/sagas.ts'
import { uuid } from '#lib/protocol/sync.ts'
import { authorise, type Actor } from '../actor.ts'
import { decodeCursor, encodeCursor, pageQuery, type Page } from '../list/page.ts'
import { selectSagas, type SagaItemRow } from './store.ts'

const text = z.string().max(200).optional()

export const sagasQuerySchema = z.object({
  ...pageQuery,
  /** `open`: running, compensating and stuck. */
  state: z.enum([...sagaStates, 'open']).optional(),
  device_id: uuid.optional(),
  table: text,
  scope: text,
  /** Began at least so long ago. */
  min_age_seconds: z.coerce.number().int().min(0).max(1_000_000_000).optional(),
  sort: z.enum(['-started_at', 'started_at']).default('-started_at'),
})

/** Sagas by the time they began, newest first unless asked otherwise. */
export async function listSagas(
  actor: Actor,
  query: z.input<typeof sagasQuerySchema>,
): Promise<Page<SagaItem>> {
  authorise(actor, 'viewer')
  const { limit, cursor, sort, min_age_seconds: age, ...filter } = sagasQuerySchema.parse(query)
  const place = decodeCursor(cursor, z.tuple([instant, uuid]))
  const before = age === undefined ? null : new Date(Date.now() - age * 1_000)
  const { rows, total } = await selectSagas(
    { ...filter, before },
    {
      limit: limit + 1,
      oldestFirst: sort === 'started_at',
      after: place && { startedAt: place[0], id: place[1] },
    },
  )
  const items = rows.slice(0, limit).map(toItem)
  const last = items.at(-1)
  return {
    items,
    next_cursor: rows.length > limit && last ? encodeCursor([last.started_at, last.id]) : null,
    total,
  }
}

/** The part of a saga that lists show: the schema leaves out the rest. */
export function toItem(row: SagaItemRow): SagaItem {
  return sagaItemSchema.parse({
    ...row,
    started_at: row.started_at.toISOString(),
    progressed_at: row.progressed_at.toISOString(),
    ended_at: row.ended_at?.toISOString() ?? null,
  })
}
