import { z } from 'zod'
import type { Json, JsonObject } from '#lib/core/json.ts'
import { sagaCauses, sagaStates, undoOutcomes } from '#lib/core/saga.ts'
import { uuid } from './sync.ts'

// Sagas as the console API answers them.

const json = z.json() as z.ZodType<Json>
const at = z.iso.datetime()

export const sagaItemSchema = z.object({
  id: uuid,
  state: z.enum(sagaStates),
  device_id: uuid,
  device_name: z.string().nullable(),
  steps: z.int(),
  /** Steps 1 to this one were applied. */
  applied: z.int(),
  /** Applied steps that wrote something which is not undone. */
  to_undo: z.int(),
  /** Steps whose undoing waits for a person. */
  blocked: z.int(),
  /** What set it back; null while nothing did. */
  cause: z.enum(sagaCauses).nullable(),
  failed_step: z.int().nullable(),
  failed_code: z.string().nullable(),
  tables: z.array(z.string()),
  scopes: z.array(z.string()),
  started_at: at,
  /** When a step of it was last answered. */
  progressed_at: at,
  ended_at: at.nullable(),
  retry_of: uuid.nullable(),
  retried_as: uuid.nullable(),
  version: z.int(),
})
export type SagaItem = z.output<typeof sagaItemSchema>

export const sagaUndoSchema = z.object({
  /** `settled`: it was in conflict, and a person decided. */
  outcome: z.enum([...undoOutcomes, 'settled']),
  op_id: uuid.nullable(),
  version: z.int().nullable(),
  conflict_id: uuid.nullable(),
  detail: z.string().nullable(),
  at: at.nullable(),
})

export const sagaStepSchema = z.object({
  step: z.int(),
  /** `missing`: it did not arrive. */
  state: z.enum(['applied', 'failed', 'aborted', 'missing']),
  /** applied, merged, superseded, no_change, conflict, stale_version, or the code of the rejection. */
  outcome: z.string().nullable(),
  op_id: uuid.nullable(),
  scope: z.string().nullable(),
  from_scope: z.string().nullable(),
  table: z.string().nullable(),
  record_id: uuid.nullable(),
  operation: z.string().nullable(),
  /** What was wrong with it, where it failed. */
  detail: z.string().nullable(),
  /** Versions of the record before and after the step; null where it wrote nothing. */
  before_version: z.int().nullable(),
  after_version: z.int().nullable(),
  /** The change verbatim, where it is JSON. */
  change: json,
  conflict_id: uuid.nullable(),
  dead_letter_id: uuid.nullable(),
  trace_id: z.string().nullable(),
  at: at.nullable(),
  /** How it was undone; null where it was not, or needed not be. */
  undo: sagaUndoSchema.nullable(),
})
export type SagaStepView = z.output<typeof sagaStepSchema>

export const sagaDetailSchema = sagaItemSchema.extend({
  etag: z.string(),
  reason: z.string().nullable(),
  trace_id: z.string().nullable(),
  /** When it is set back if no step arrives; null unless it is running. */
  times_out_at: at.nullable(),
  /** Why it cannot be retried; null where it can. */
  retry_refusal: z.string().nullable(),
  /** In order, those that did not arrive included. */
  step_list: z.array(sagaStepSchema),
})
export type SagaDetail = z.output<typeof sagaDetailSchema>

const data = z.record(z.string(), z.json()) as z.ZodType<JsonObject>

export const retrySagaSchema = z.object({
  reason: z.string().trim().min(1, 'is required: the audit will want it').max(1_000),
  /** Steps to send otherwise than they were, such as the one that failed. */
  edits: z
    .array(
      z.object({
        step: z.int().min(1),
        /** The record's state after the step. */
        data,
        /** The version it was edited on; the one the step was made on where absent. */
        base_version: z.int().min(0).optional(),
      }),
    )
    .max(1_000)
    .default([]),
})
