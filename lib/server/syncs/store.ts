import type { KeptTrace } from '#lib/telemetry/trace-keeper.ts'
import { database, queryPrepared } from '../db.ts'
import type { SessionRow } from './session-row.ts'

/** One statement for the whole batch; see `record_syncs` in the migrations. */
export async function insertSessions(rows: SessionRow[]): Promise<void> {
  const statement = { name: 'record_syncs', text: 'SELECT record_syncs($1::jsonb)' }
  await queryPrepared(database(), statement, [JSON.stringify(rows)])
}

/** More than this in one trace is a device that never starts a new one. */
const maxSpansPerTrace = 300

/** Adds the spans of requests to their traces; several requests of a sync share one. */
export async function insertTraces(traces: KeptTrace[]): Promise<void> {
  const byId = new Map<string, KeptTrace>()
  for (const trace of traces) {
    const known = byId.get(trace.traceId)
    byId.set(trace.traceId, known ? { ...known, spans: [...known.spans, ...trace.spans] } : trace)
  }
  // PostgreSQL's jsonb holds no NUL; a span attribute with one must not lose the batch.
  const rows = JSON.stringify([...byId.values()]).replaceAll(String.raw`\u0000`, '')
  await database().$executeRaw`
    INSERT INTO sync_trace AS kept (trace_id, started_at, spans)
    SELECT "traceId", "startedAt", spans
    FROM jsonb_to_recordset(${rows}::jsonb) AS t("traceId" text, "startedAt" timestamptz, spans jsonb)
    ORDER BY "traceId"
    ON CONFLICT (trace_id) DO UPDATE SET started_at = least(kept.started_at, excluded.started_at),
      spans = CASE WHEN jsonb_array_length(kept.spans) < ${maxSpansPerTrace}
        THEN kept.spans || excluded.spans ELSE kept.spans END`
}
