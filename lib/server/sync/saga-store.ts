import type { JsonObject } from '#lib/core/json.ts'
import type { Database } from '../db.ts'
import type { DueSaga, NextUndo, WholeSaga } from './saga-rows.ts'
import type { SyncStore } from './store.ts'

type UndoRow = Omit<NextUndo, 'before'> & { is_known: boolean; before: JsonObject | null }

/** What undoing sagas and sending them again reads, from Postgres. */
export function sagaStore(
  db: Database,
): Pick<SyncStore, 'nextUndo' | 'blockedSteps' | 'dueSagas' | 'wholeSaga'> {
  return {
    async nextUndo(sagaId) {
      // The state before is where the step took the record from, in the scope it took it from.
      const [row] = await db.$queryRaw<UndoRow[]>`
        SELECT t.step, t.scope, t.from_scope, t."table", t.record_id, t.after_version,
          t.before_version = 0 OR s.found IS NOT NULL AS is_known, s.data AS before
        FROM saga g
        JOIN LATERAL (
          SELECT * FROM saga_step WHERE saga_id = g.id AND state = 'applied' AND after_version IS NOT NULL AND undo IS NULL
          ORDER BY step DESC LIMIT 1
        ) t ON true
        LEFT JOIN LATERAL (
          SELECT c.data, true AS found FROM feed_change c
          WHERE c.record_id = t.record_id AND c."table" = t."table" AND c.scope = coalesce(t.from_scope, t.scope)
            AND c.after_version = t.before_version AND c.effect IN ('UPSERT', 'DELETE') LIMIT 1
        ) s ON true
        WHERE g.id = ${sagaId}::uuid AND g.state = 'compensating'`
      if (!row) return null
      const { is_known: isKnown, before, ...next } = row
      return isKnown ? { ...next, before } : next
    },

    async blockedSteps(sagaId, undo) {
      const rows =
        undo === 'failed'
          ? await db.$queryRaw<{ step: number }[]>`
              SELECT step FROM saga_step WHERE saga_id = ${sagaId}::uuid AND undo = 'failed' ORDER BY step`
          : await db.$queryRaw<{ step: number }[]>`
              SELECT t.step FROM saga_step t JOIN conflict c ON c.id = t.undo_conflict_id AND c.state = 'resolved'
              WHERE t.saga_id = ${sagaId}::uuid AND t.undo = 'conflict' ORDER BY t.step`
      return rows.map(({ step }) => step)
    },

    dueSagas: ({ restingSince, limit }) =>
      db.$queryRaw<DueSaga[]>`
        (SELECT id, 'undo' AS why FROM saga WHERE state = 'compensating' ORDER BY progressed_at, id LIMIT ${limit})
        UNION ALL
        (SELECT id, 'timed_out' FROM saga WHERE state = 'running' AND progressed_at < ${restingSince}::timestamptz
          ORDER BY progressed_at, id LIMIT ${limit})
        UNION ALL
        (SELECT id, 'settled' FROM saga g WHERE state IN ('stuck', 'compensating') AND blocked > 0 AND EXISTS (
            SELECT FROM saga_step t JOIN conflict c ON c.id = t.undo_conflict_id
            WHERE t.saga_id = g.id AND t.undo = 'conflict' AND c.state = 'resolved')
          ORDER BY progressed_at, id LIMIT ${limit})`,

    async wholeSaga(sagaId) {
      const [row] = await db.$queryRaw<{ saga: WholeSaga }[]>`
        SELECT json_build_object('id', g.id, 'device_id', g.device_id, 'device_scopes', d.scopes, 'state', g.state,
          'steps', g.steps, 'failed_step', g.failed_step, 'failed_code', g.failed_code, 'retried_as', g.retried_as,
          'revision', g.revision, 'arrived', coalesce(a.steps, '[]')) AS saga
        FROM saga g LEFT JOIN device d ON d.id = g.device_id
        LEFT JOIN LATERAL (
          SELECT json_agg(json_build_object('step', t.step, 'op_id', t.op_id, 'scope', t.scope,
            'from_scope', t.from_scope, 'table', t."table", 'record_id', t.record_id, 'after_version', t.after_version,
            'change', t.change, 'schema_version', t.schema_version, 'undo', t.undo, 'undo_version', t.undo_version,
            'letter_state', l.state, 'record_version', r.version, 'undoing', u.undoing) ORDER BY t.step) AS steps
          FROM saga_step t LEFT JOIN dead_letter l ON l.id = t.dead_letter_id
          LEFT JOIN record r ON r.scope = coalesce(t.from_scope, t.scope) AND r."table" = t."table" AND r.id = t.record_id
          LEFT JOIN LATERAL (
            SELECT json_build_object('before', b.data, 'after', c.data) AS undoing
            FROM feed_change c
            JOIN feed_change b ON b.record_id = c.record_id AND b."table" = c."table"
              AND b.scope = coalesce(c.rule->>'moved_from', c.scope)
              AND b.after_version = c.before_version AND b.effect IN ('UPSERT', 'DELETE')
            WHERE c.record_id = t.record_id AND c."table" = t."table" AND c.scope = coalesce(t.from_scope, t.scope)
              AND c.after_version = t.undo_version AND c.effect IN ('UPSERT', 'DELETE') LIMIT 1
          ) u ON true
          WHERE t.saga_id = g.id
        ) a ON true
        WHERE g.id = ${sagaId}::uuid`
      return row?.saga ?? null
    },
  }
}
