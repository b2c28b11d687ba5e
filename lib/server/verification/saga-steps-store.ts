import type { Ask } from './store.ts'

export type StoredStep = {
  saga_id: string
  step: number
  /** How many its saga says it has. */
  steps: number | null
  state: string
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
}

/** Steps of sagas in the order of their key. */
export function selectSagaSteps(ask: Ask, after: { saga: string; step: number }): Promise<StoredStep[]> {
  return ask<StoredStep>(
    `SELECT t.saga_id, t.step, g.steps, t.state, t.op_id, t.seq::float8 AS seq, t.scope, t.from_scope, t."table",
       t.record_id, t.operation, t.change, encode(r.payload_hash, 'hex') AS hash
     FROM (SELECT * FROM saga_step WHERE (saga_id, step) > ($1::uuid, $2::int) ORDER BY saga_id, step LIMIT 500) t
     LEFT JOIN saga g ON g.id = t.saga_id LEFT JOIN op_result r ON r.op_id = t.op_id
     ORDER BY t.saga_id, t.step`,
    [after.saga, after.step],
  )
}
