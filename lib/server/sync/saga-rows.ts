import type { JsonObject } from '#lib/core/json.ts'
import type { SagaCause, SagaState, UndoOutcome } from '#lib/core/saga.ts'

// Sagas as push_load and push_commit read and write them.

/** A saga as a batch finds it. */
export type LoadedSaga = {
  id: string
  device_id: string
  state: SagaState
  steps: number
  applied: number
  to_undo: number
  blocked: number
  cause: SagaCause | null
  failed_step: number | null
  failed_code: string | null
  revision: number
}

/** A saga as it is after the batch. `revision` is the one it was decided on; 0: it begins. */
export type SagaRow = LoadedSaga & {
  /** What an operator gave as reason; null leaves what is there. */
  reason: string | null
  /** Added to those it has. */
  tables: string[]
  scopes: string[]
  retry_of: string | null
  /** A step of it was answered: its time begins anew. */
  progressed: boolean
}

/** A step that was answered for good. One that is there already stays as it is. */
export type SagaStepRow = {
  saga_id: string
  step: number
  state: 'applied' | 'failed' | 'aborted'
  outcome: string
  op_id: string | null
  /** Its place in the device's stream, where it was answered; null where it had none. */
  seq: number | null
  scope: string | null
  from_scope: string | null
  table: string | null
  record_id: string | null
  operation: string | null
  /** null where nothing was written. */
  before_version: number | null
  after_version: number | null
  change: string
  schema_version: number
  conflict_id: string | null
  dead_letter_id: string | null
}

export type StepUndo = UndoOutcome | 'settled'

/** What came of undoing a step. Raises `stale` where it is not as it `was`. */
export type SagaUndoRow = {
  saga_id: string
  step: number
  was: StepUndo | null
  undo: StepUndo | null
  op_id: string | null
  version: number | null
  conflict_id: string | null
  detail: string | null
}

/** A compensated saga whose steps go on in a new one, with their dead letters. */
export type SagaRetryRow = { id: string; revision: number; retried_as: string; actor: string }

/** The newest step of a saga that is still to be undone. */
export type NextUndo = {
  step: number
  scope: string
  from_scope: string | null
  table: string
  record_id: string
  after_version: number
  /** The record before the step: null where it was not there; undefined where that can no longer be read. */
  before?: JsonObject | null
}

/** A saga that the worker has to look after, and why. */
export type DueSaga = { id: string; why: 'undo' | 'timed_out' | 'settled' }

/** A saga as it may be sent again, with the steps that arrived, in order. */
export type WholeSaga = {
  id: string
  device_id: string
  /** What its device may write to now; null where the device is gone. */
  device_scopes: string[] | null
  state: SagaState
  /** How many it has, those included that did not arrive. */
  steps: number
  failed_step: number | null
  failed_code: string | null
  retried_as: string | null
  revision: number
  arrived: ArrivedStep[]
}

export type ArrivedStep = {
  step: number
  op_id: string | null
  scope: string | null
  from_scope: string | null
  table: string | null
  record_id: string | null
  after_version: number | null
  change: string
  schema_version: number
  undo: StepUndo | null
  undo_version: number | null
  /** State of its dead letter. */
  letter_state: string | null
  /** Its record before its undoing and after it, null where there was none; null where it was not undone so, or cannot be read. */
  undoing: { before: JsonObject | null; after: JsonObject | null } | null
  /** The version of its record now, where the step took it from; null where it is not there. */
  record_version: number | null
}
