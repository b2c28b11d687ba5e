import { AppError } from '#lib/protocol/errors.ts'
import type { WriteAnswer } from '../sync/write.ts'

/**
 * A person's write that was not taken is an error of their request, where a device gets an answer.
 * @throws AppError `invalid_request` with pointers into the body for a rejection, `conflict` for a conflict
 */
export function refuseUnlessAccepted(
  answer: WriteAnswer,
): asserts answer is WriteAnswer & { kind: 'accepted' } {
  switch (answer.kind) {
    case 'accepted':
      return
    case 'conflict':
      throw new AppError('conflict', 'The record was changed by others meanwhile. Look at it again.')
    case 'rejected':
      throw new AppError('invalid_request', `${answer.code}: ${answer.detail}`, {
        extras: { errors: answer.errors ?? [{ pointer: '/data', detail: answer.detail }] },
      })
  }
}
