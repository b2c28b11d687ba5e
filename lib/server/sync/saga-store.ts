import type { JsonObject } from '#lib/core/json.ts'
import type { Database } from '../db.ts'
import type { DueSaga, NextUndo } from './saga-rows.ts'
import type { SyncStore } from './store.ts'

type UndoRow = Omit<NextUndo, 'before'> & { is_known: boolean; before: JsonObject | null }

/** What undoing sagas reads, from Postgres. */
export function sagaStore(db: Database): Pick<SyncStore, 'nextUndo' | 'blockedSteps' | 'dueSagas'> {
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
  }
}
