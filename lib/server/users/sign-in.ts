import { z } from 'zod'
import { passwordLength } from '#lib/protocol/access.ts'
import { AppError } from '#lib/protocol/errors.ts'
import { logger } from '#lib/telemetry/log.ts'
import { personActor } from '../actor.ts'
import { appendAudit } from '../audit/append.ts'
import { database } from '../db.ts'
import { createGuessLimit } from '../limits/guess-limit.ts'
import { passwordMatches } from './password.ts'
import { selectUserByEmail, touchSignIn, type UserRow } from './store.ts'

const windowSeconds = 600
const byAccount = createGuessLimit('sign_in_account', { wrongGuesses: 10, windowSeconds })
const byNetwork = createGuessLimit('sign_in_network', { wrongGuesses: 60, windowSeconds })

const credentialsSchema = z.object({
  email: z.string().trim().toLowerCase().min(1).max(320),
  password: z.string().min(1).max(passwordLength.max),
})

/**
 * Signs in with e-mail and password.
 * @param network address of the client, as `clientAddress` gives it
 * @throws AppError `unauthenticated`, the same for an unknown account and a wrong password; `throttled`
 */
export async function signIn(credentials: unknown, network: string): Promise<UserRow> {
  const parsed = credentialsSchema.safeParse(credentials)
  if (!parsed.success) throw wrongCredentials()
  const { email, password } = parsed.data
  await byNetwork.attempt(network)
  await byAccount.attempt(email)
  const user = await selectUserByEmail(email)
  const matches = await passwordMatches(user?.password_hash ?? null, password)
  if (!user || !matches || user.disabled_at) {
    logger.warn({ event: 'sign_in.failed', network }, 'sign-in failed')
    throw wrongCredentials()
  }
  await Promise.all([byAccount.clear(email), byNetwork.forgive(network)])
  return recordSignIn(user, 'password')
}

/** What every kind of sign-in ends with. */
export async function recordSignIn(user: UserRow, method: 'password' | 'oidc'): Promise<UserRow> {
  await database().$transaction(async (db) => {
    await touchSignIn(db, user.id)
    const actor = personActor({ id: user.id, name: user.email, role: user.role, via: 'session' })
    await appendAudit(db, [
      { actor, action: 'user.sign_in', target: 'user', targetId: user.id, after: { method } },
    ])
  })
  return user
}

function wrongCredentials(): AppError {
  return new AppError('unauthenticated', 'E-mail or password is wrong.')
}
