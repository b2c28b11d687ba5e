import { logger } from '#lib/telemetry/log.ts'
import type { Engine } from '../sync/engine.ts'
import { countSettled, timeOut } from '../sync/end-saga.ts'
import { serverEngine } from '../sync/server-engine.ts'
import type { DueSaga } from '../sync/saga-rows.ts'
import { undoSaga } from '../sync/undo-sagas.ts'
import { sagaTimeoutMs } from './timeout.ts'

/** As many of each kind as one round takes. */
const perRound = 200

/**
 * One round over the sagas that wait for the server: undoes what a crash or an outage left half undone, times out those
 * that rest for too long, ends those whose conflicts a person settled.
 * @param timesOutMs how long a saga may rest; the setting where it is not given
 * @returns how many it looked at
 */
export async function lookAfterSagas(engine: Engine = serverEngine(), timesOutMs?: number): Promise<number> {
  const timeoutMs = timesOutMs ?? (await sagaTimeoutMs())
  const restingSince = new Date(engine.now() - timeoutMs).toISOString()
  const due = await engine.store.dueSagas({ restingSince, limit: perRound })
  for (const saga of due) await lookAfter(engine, saga, timeoutMs)
  return due.length
}

/** What is wrong with one saga must not keep the others waiting. */
async function lookAfter(engine: Engine, { id, why }: DueSaga, timeoutMs: number): Promise<void> {
  const traceId = engine.newId().replaceAll('-', '')
  try {
    switch (why) {
      case 'undo':
        return await undoSaga(engine, id, traceId)
      case 'timed_out':
        return await timeOut(engine, id, { timeoutMs, traceId })
      case 'settled':
        return await countSettled(engine, id, traceId)
    }
  } catch (error) {
    logger.warn({ event: 'saga.undo_failed', saga_id: id, trace_id: traceId, err: error }, 'a saga waits')
  }
}
