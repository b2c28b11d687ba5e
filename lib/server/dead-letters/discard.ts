import { AppError } from '#lib/protocol/errors.ts'
import type { DeadLetterDetail } from '#lib/protocol/console.ts'
import { authorise, type Actor } from '../actor.ts'
import { appendAudit } from '../audit/append.ts'
import { database } from '../db.ts'
import { staleError } from '../http/precondition.ts'
import { notifyChanged } from '../stream/notify.ts'
import { getDeadLetter, loadDeadLetter } from './get.ts'
import { moveDeadLetter } from './store.ts'

type Move = {
  id: string
  reason: string
  /** The version the caller saw; null moves whatever is there. */
  version: number | null
  traceId: string
}

/**
 * Gives a dead letter up. It stays readable, and can be restored.
 * @throws AppError `conflict` where it is not open, `stale`
 */
export function discardDeadLetter(actor: Actor, move: Move): Promise<DeadLetterDetail> {
  return moveLetter(actor, move, 'open', 'discarded')
}

/** Opens a discarded dead letter again. @throws AppError `conflict` where it is not discarded, `stale` */
export function restoreDeadLetter(actor: Actor, move: Move): Promise<DeadLetterDetail> {
  return moveLetter(actor, move, 'discarded', 'open')
}

async function moveLetter(
  actor: Actor,
  { id, reason, version, traceId }: Move,
  from: 'open' | 'discarded',
  to: 'open' | 'discarded',
): Promise<DeadLetterDetail> {
  authorise(actor, 'operator')
  const letter = await loadDeadLetter(id)
  if (letter.state !== from) throw new AppError('conflict', `It is ${letter.state}, not ${from}.`)
  if (version !== null && version !== letter.version) throw staleError()
  await database().$transaction(async (tx) => {
    const moved = await moveDeadLetter(tx, {
      ...{ id, version: letter.version, from, to, actor: actor.name, reason, traceId },
    })
    if (!moved) throw new AppError('conflict', 'Somebody settled it first. Look at it again.')
    const action = to === 'discarded' ? 'dead_letter.discard' : 'dead_letter.restore'
    await appendAudit(tx, [
      {
        ...{ actor, action, target: 'dead_letter', targetId: id, reason, traceId },
        before: { state: from },
        after: { state: to },
      },
    ])
  })
  notifyChanged({ kinds: ['dead_letter', 'audit'] })
  return getDeadLetter(actor, id)
}
