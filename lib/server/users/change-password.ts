import { changePasswordSchema, type ChangePassword } from '#lib/protocol/access.ts'
import { AppError } from '#lib/protocol/errors.ts'
import type { Actor } from '../actor.ts'
import { appendAudit } from '../audit/append.ts'
import { database } from '../db.ts'
import { createGuessLimit } from '../limits/guess-limit.ts'
import { hashPassword, passwordMatches } from './password.ts'
import { requireOwnSession } from './own-session.ts'
import { selectPasswordHash, setPassword } from './store.ts'

/** A session left open must not be a way to guess the password. */
const guesses = createGuessLimit('change_password', { wrongGuesses: 5, windowSeconds: 600 })

/**
 * Changes the caller's own password and ends all their sessions.
 * @throws AppError `forbidden` where the current password is wrong, `throttled`
 */
export async function changePassword(actor: Actor, input: ChangePassword, traceId?: string): Promise<void> {
  requireOwnSession(actor)
  const { current_password, new_password } = changePasswordSchema.parse(input)
  await guesses.attempt(actor.id)
  if (!(await passwordMatches(await selectPasswordHash(actor.id), current_password))) {
    throw new AppError('forbidden', 'The current password is wrong.')
  }
  await guesses.clear(actor.id)
  const passwordHash = await hashPassword(new_password)
  await database().$transaction(async (db) => {
    await setPassword(db, actor.id, passwordHash)
    await appendAudit(db, [
      { actor, action: 'user.change_password', target: 'user', targetId: actor.id, traceId },
    ])
  })
}
