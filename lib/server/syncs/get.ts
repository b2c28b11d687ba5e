import type { Json } from '#lib/core/json.ts'
import { AppError } from '#lib/protocol/errors.ts'
import type { SyncDetail, SyncSpan } from '#lib/protocol/syncs.ts'
import { uuid } from '#lib/protocol/sync.ts'
import type { KeptSpan } from '#lib/telemetry/trace-keeper.ts'
import { authorise, type Actor } from '../actor.ts'
import { selectSession, selectSiblings, selectSpans, selectTouched } from './detail-store.ts'
import { toSyncItem } from './list.ts'
import { flushSyncRecords } from './record.ts'

/**
 * One request to /sync: what it counted, where its time went, what it touched in order.
 * @throws AppError `not_found`
 */
export async function getSync(actor: Actor, id: string): Promise<SyncDetail> {
  authorise(actor, 'viewer')
  await flushSyncRecords()
  const session = uuid.safeParse(id).success ? await selectSession(id) : null
  if (!session) throw new AppError('not_found', 'There is no such sync, or it is older than syncs are kept.')
  const [spans, touched, siblings] = await Promise.all([
    session.trace_id === null ? [] : selectSpans(session.trace_id),
    session.trace_id === null || session.pushed === 0 ? [] : selectTouched(session),
    session.sync_id === null ? [] : selectSiblings(session.sync_id, session.device_id),
  ])
  return {
    ...toSyncItem(session),
    incarnation: session.incarnation,
    tables: session.tables,
    spans: spans
      .map((span) => toSyncSpan(span, session.started_at.getTime()))
      .sort((a, b) => a.offset_ms - b.offset_ms),
    touched: touched.map((touch) => ({ ...touch, at: touch.at.toISOString() })),
    siblings: siblings
      .filter((sibling) => sibling.id !== session.id)
      .map((sibling) => ({ ...sibling, started_at: sibling.started_at.toISOString() })),
  }
}

function toSyncSpan(span: KeptSpan, startedMs: number): SyncSpan {
  return {
    id: span.id,
    parent_id: span.parentId,
    name: span.name,
    offset_ms: span.startMs - startedMs,
    duration_ms: span.durationMs,
    failed: span.failed,
    attributes: span.attributes as Record<string, Json>,
  }
}
