import { resume, setBack } from '#lib/core/saga.ts'
import { AppError } from '#lib/protocol/errors.ts'
import type { SagaDetail } from '#lib/protocol/sagas.ts'
import { authorise, type Actor } from '../actor.ts'
import { staleError } from '../http/precondition.ts'
import { changeSaga } from '../sync/change-saga.ts'
import { sagaOf } from '../sync/sagas.ts'
import { serverEngine } from '../sync/server-engine.ts'
import { undoSagas } from '../sync/undo-sagas.ts'
import { getSaga, loadSaga } from './get.ts'

export type Compensation = { id: string; version: number; reason: string; traceId: string }

/**
 * Calls a running saga off, or tries again to undo what of a stuck one could not be; then undoes it.
 * @throws AppError `conflict` where it is neither, or waits for conflicts alone; `stale`
 */
export async function compensateSaga(
  actor: Actor,
  { id, version, reason, traceId }: Compensation,
): Promise<SagaDetail> {
  authorise(actor, 'operator')
  const engine = serverEngine()
  const { state } = await loadSaga(id)
  const failed = await engine.store.blockedSteps(id, 'failed')
  if (state !== 'running' && state !== 'stuck') {
    throw new AppError('conflict', `It is ${state}: only a running or a stuck saga can be compensated.`)
  }
  if (state === 'stuck' && failed.length === 0) {
    throw new AppError('conflict', 'It waits for conflicts alone: resolve them, and it is compensated.')
  }
  await changeSaga(engine, id, traceId, (row) => {
    if (row.revision !== version) throw staleError()
    const before = sagaOf(row)
    const isRunning = row.state === 'running'
    const saga = isRunning ? setBack(before, { cause: 'called_off' }) : resume(before, failed.length)
    return {
      ...{ saga, reason },
      undos: isRunning ? [] : failed.map((step) => ({ step, was: 'failed', undo: null, detail: null })),
      audit: [
        {
          ...{ actor, action: 'saga.compensate', target: 'saga', targetId: id, reason, traceId },
          before: { state: row.state },
          after: { state: saga.state },
        },
      ],
    }
  })
  await undoSagas(engine, [id], traceId)
  return getSaga(actor, id)
}
