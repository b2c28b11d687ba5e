import type { KeptSpan } from '#lib/telemetry/trace-keeper.ts'
import { database } from '../db.ts'
import { sessionColumns, type SessionListRow } from './list-store.ts'
import type { TableCounts } from './session.ts'

export type SessionDetailRow = SessionListRow & {
  incarnation: string | null
  tables: Record<string, TableCounts>
}

export async function selectSession(id: string): Promise<SessionDetailRow | null> {
  const rows = await database().$queryRaw<SessionDetailRow[]>`
    SELECT ${sessionColumns}, s.incarnation, s.tables FROM sync_session s LEFT JOIN device d ON d.id = s.device_id
    WHERE s.id = ${id}::uuid ORDER BY s.started_at DESC LIMIT 1`
  return rows[0] ?? null
}

/** All kept spans of a trace, of every request that shares it. */
export async function selectSpans(traceId: string): Promise<KeptSpan[]> {
  const rows = await database().$queryRaw<{ spans: KeptSpan[] }[]>`
    SELECT spans FROM sync_trace WHERE trace_id = ${traceId}`
  return rows[0]?.spans ?? []
}

export type TouchRow = {
  at: Date
  scope: string
  table: string
  record_id: string
  operation: string
  effect: string
  outcome: string
  before_version: number
  after_version: number
  conflict_id: string | null
  dead_letter_id: string | null
}

const maxTouched = 1_000

/** What a request wrote to the log, in its order: found by trace among the commits of its time. */
export async function selectTouched(session: SessionDetailRow): Promise<TouchRow[]> {
  const from = session.started_at
  // The commit's time is the database's, the session's the server's: allow for a second between their clocks.
  const until = new Date(from.getTime() + session.duration_ms + 1_000)
  return database().$queryRaw<TouchRow[]>`
    SELECT c.committed_at AS at, c.scope, c."table", c.record_id, c.operation, c.effect, c.outcome, c.before_version,
      c.after_version, c.conflict_id, c.dead_letter_id
    FROM feed_commit k JOIN feed_change c ON c.scope = k.scope AND c.batch = k.batch AND c.committed_at = k.committed_at
    WHERE k.committed_at >= ${from}::timestamptz - interval '1 second' AND k.committed_at <= ${until}
      AND k.trace_id = ${session.trace_id} AND k.actor_kind = 'device' AND k.actor_id = ${session.device_id}
    ORDER BY c.batch, c.ordinal LIMIT ${maxTouched}`
}

export type SiblingRow = {
  id: string
  started_at: Date
  outcome: 'ok' | 'partial' | 'failed'
  duration_ms: number
}

/** The requests of one sync of a device, oldest first. */
export async function selectSiblings(syncId: string, deviceId: string): Promise<SiblingRow[]> {
  return database().$queryRaw<SiblingRow[]>`
    SELECT id, started_at, outcome, duration_ms FROM sync_session
    WHERE sync_id = ${syncId}::uuid AND device_id = ${deviceId}::uuid ORDER BY started_at, id LIMIT 200`
}
