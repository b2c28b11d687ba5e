import type { SagaDetail } from '#lib/protocol/sagas.ts'
import { authorise, type Actor } from '../actor.ts'
import { callOff } from '../sync/end-saga.ts'
import { serverEngine } from '../sync/server-engine.ts'
import { getSaga } from './get.ts'

export type Compensation = { id: string; version: number; reason: string; traceId: string }

/**
 * Calls a running saga off, or tries again to undo what of a stuck one could not be; then undoes it.
 * @throws AppError `not_found`, `conflict` where it is neither, or waits for conflicts alone; `stale`
 */
export async function compensateSaga(
  actor: Actor,
  { id, version, reason, traceId }: Compensation,
): Promise<SagaDetail> {
  authorise(actor, 'operator')
  await callOff(serverEngine(), { id, version, actor, reason, traceId })
  return getSaga(actor, id)
}
