import { AppError } from '#lib/protocol/errors.ts'
import { sagaStepSchema, type SagaDetail, type SagaStepView } from '#lib/protocol/sagas.ts'
import { authorise, type Actor } from '../actor.ts'
import { etag } from '../http/precondition.ts'
import { retryRefusal } from '../sync/resend-saga.ts'
import { serverEngine } from '../sync/server-engine.ts'
import { shownChange } from '../sync/sent-text.ts'
import { toItem } from './list.ts'
import { selectSaga, selectSteps, type StepRow, type WholeSaga } from './store.ts'
import { sagaTimeoutMs } from './timeout.ts'

/**
 * A saga with its steps: what each did, and how it was undone.
 * @throws AppError `not_found`
 */
export async function getSaga(actor: Actor, id: string): Promise<SagaDetail> {
  authorise(actor, 'viewer')
  const { store, policies } = serverEngine()
  const [saga, steps, whole] = await Promise.all([loadSaga(id), selectSteps(id), store.wholeSaga(id)])
  const running = saga.state === 'running'
  const timesOut = running ? saga.progressed_at.getTime() + (await sagaTimeoutMs()) : null
  return {
    ...toItem(saga),
    etag: etag(saga.version),
    ...{ reason: saga.reason, trace_id: saga.trace_id },
    times_out_at: timesOut === null ? null : new Date(timesOut).toISOString(),
    retry_refusal: whole && (await retryRefusal(policies, whole)),
    step_list: stepList(saga, steps),
  }
}

/** @throws AppError `not_found` */
export async function loadSaga(id: string): Promise<WholeSaga> {
  const saga = await selectSaga(id)
  if (!saga) throw new AppError('not_found', 'There is no such saga.')
  return saga
}

function stepList({ steps: count }: WholeSaga, rows: StepRow[]): SagaStepView[] {
  const known = new Map(rows.map((row) => [row.step, row]))
  return Array.from({ length: count }, (_, index) => {
    const row = known.get(index + 1)
    return row ? toView(row) : missing(index + 1)
  })
}

function toView(row: StepRow): SagaStepView {
  const { undo, undone_at: undoneAt, change, at } = row
  return sagaStepSchema.parse({
    ...row,
    change: shownChange(change),
    at: at.toISOString(),
    undo: undo && {
      ...{ outcome: undo, op_id: row.undo_op_id, version: row.undo_version, detail: row.undo_detail },
      ...{ conflict_id: row.undo_conflict_id, at: undoneAt?.toISOString() ?? null },
    },
  })
}

function missing(step: number): SagaStepView {
  return {
    ...{ step, state: 'missing', outcome: null, op_id: null, scope: null, from_scope: null, table: null },
    ...{ record_id: null, operation: null, detail: null, before_version: null, after_version: null },
    ...{ change: null, conflict_id: null, dead_letter_id: null, trace_id: null, at: null, undo: null },
  }
}
