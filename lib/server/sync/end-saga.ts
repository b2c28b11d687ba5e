import { blocksSettled, setBack } from '#lib/core/saga.ts'
import { logger } from '#lib/telemetry/log.ts'
import { instruments } from '#lib/telemetry/metrics.ts'
import { changeSaga, undoer } from './change-saga.ts'
import type { Engine } from './engine.ts'
import { sagaOf } from './sagas.ts'
import { undoSaga } from './undo-sagas.ts'

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
