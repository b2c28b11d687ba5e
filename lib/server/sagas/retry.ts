import type { SagaDetail } from '#lib/protocol/sagas.ts'
import { authorise, type Actor } from '../actor.ts'
import { resendSaga, type Resend } from '../sync/resend-saga.ts'
import { serverEngine } from '../sync/server-engine.ts'
import { getSaga } from './get.ts'

export type Retry = Omit<Resend, 'actor'>

/**
 * Sends all steps of an undone saga again.
 * @returns the new saga: complete, or undone again where a step failed again
 * @throws AppError `not_found`, `conflict` where it cannot be retried, `stale`
 */
export async function retrySaga(actor: Actor, retry: Retry): Promise<SagaDetail> {
  authorise(actor, 'operator')
  return getSaga(actor, await resendSaga(serverEngine(), { ...retry, actor }))
}
