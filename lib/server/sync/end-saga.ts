import { blocksSettled, resume, setBack } from '#lib/core/saga.ts'
import { AppError } from '#lib/protocol/errors.ts'
import { logger } from '#lib/telemetry/log.ts'
import { instruments } from '#lib/telemetry/metrics.ts'
import type { Actor } from '../actor.ts'
import { staleError } from '../http/precondition.ts'
import { changeSaga, undoer } from './change-saga.ts'
import type { Engine } from './engine.ts'
import { sagaOf } from './sagas.ts'
import { undoSaga, undoSagas } from './undo-sagas.ts'

/** A saga that rests for too long is set back: told in log, audit and metrics, then undone. */
export async function timeOut(
  engine: Engine,
  sagaId: string,
  { timeoutMs, traceId }: { timeoutMs: number; traceId: string },
): Promise<void> {
  let wasRunning = false
  await changeSaga(engine, sagaId, traceId, (row) => {
    wasRunning = row.state === 'running'
    if (!wasRunning) return null
    const saga = setBack(sagaOf(row), { cause: 'timed_out' })
    const audit = {
      ...{ actor: undoer, action: 'saga.time_out', target: 'saga', targetId: sagaId, traceId },
      before: { state: row.state, applied: row.applied, steps: row.steps },
      after: { state: saga.state, timeout_seconds: timeoutMs / 1_000 },
    }
    return { saga, audit: [audit] }
  })
  if (!wasRunning) return
  instruments().sagaTimeouts.inc()
  logger.warn(
    { event: 'saga.timed_out', saga_id: sagaId, trace_id: traceId },
    'a saga was not complete in time',
  )
  await undoSaga(engine, sagaId, traceId)
}

/** Counts the conflicts of a saga that people settled as undone: what they chose is the record. */
export async function countSettled(engine: Engine, sagaId: string, traceId: string): Promise<void> {
  const steps = await engine.store.blockedSteps(sagaId, 'settled')
  if (steps.length === 0) return
  await changeSaga(engine, sagaId, traceId, (row) => ({
    saga: blocksSettled(sagaOf(row), steps.length),
    undos: steps.map((step) => ({ step, was: 'conflict', undo: 'settled', detail: null })),
  }))
}

export type CallOff = {
  id: string
  /** The saga's revision as the operator saw it. */
  version: number
  actor: Actor
  reason: string
  traceId: string
}

/**
 * Calls a running saga off, or tries again to undo what of a stuck one could not be; then undoes it.
 * @throws AppError `not_found`, `conflict` where it is neither, or waits for conflicts alone; `stale`
 */
export async function callOff(
  engine: Engine,
  { id, version, actor, reason, traceId }: CallOff,
): Promise<void> {
  const found = await engine.store.wholeSaga(id)
  if (!found) throw new AppError('not_found', 'There is no such saga.')
  const failed = await engine.store.blockedSteps(id, 'failed')
  if (found.state !== 'running' && found.state !== 'stuck') {
    throw new AppError('conflict', `It is ${found.state}: only a running or a stuck saga can be compensated.`)
  }
  if (found.state === 'stuck' && failed.length === 0) {
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
}
