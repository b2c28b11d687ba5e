import type { Ask } from './store.ts'

export type StoredStep = {
  saga_id: string
  step: number
  /** How many its saga says it has. */
  steps: number | null
  state: string
  outcome: string
  op_id: string | null
  seq: number | null
  scope: string | null
  from_scope: string | null
  table: string | null
  record_id: string | null
  operation: string | null
  change: string
  /** Of the payload that was answered; null where that is forgotten, or came in no stream. */
  hash: string | null
  /** The scope it was answered in; null where that is forgotten. */
  answered_in: string | null
  /** Scopes that its record was once moved out of. */
  left_scopes: string[]
}

/** Steps of sagas in the order of their key. */
export function selectSagaSteps(ask: Ask, after: { saga: string; step: number }): Promise<StoredStep[]> {
  return ask<StoredStep>(
    `SELECT t.saga_id, t.step, g.steps, t.state, t.outcome, t.op_id, t.seq::float8 AS seq, t.scope, t.from_scope, t."table",
       t.record_id, t.operation, t.change, encode(r.payload_hash, 'hex') AS hash, r.scope AS answered_in,
       ARRAY(SELECT c.scope FROM feed_change c
         WHERE c.record_id = t.record_id AND c."table" = t."table" AND c.effect = 'LEAVE') AS left_scopes
     FROM (SELECT * FROM saga_step WHERE (saga_id, step) > ($1::uuid, $2::int) ORDER BY saga_id, step LIMIT 500) t
     LEFT JOIN saga g ON g.id = t.saga_id LEFT JOIN dead_letter d ON d.id = t.dead_letter_id
     LEFT JOIN op_result r ON r.op_id = t.op_id AND t.seq IS NOT NULL AND (d.id IS NULL OR d.seq IS NOT NULL)
     ORDER BY t.saga_id, t.step`,
    [after.saga, after.step],
  )
}
