import { AppError } from '#lib/protocol/errors.ts'
import type { Queryable } from '../db.ts'
import { hashToken, sameHash } from '../tokens.ts'
import { countUse, lockEnrollmentKey, type EnrollmentKeyRow } from './store.ts'

export type UsableKey = EnrollmentKeyRow & {
  /** Counts one enrolment; call it in the transaction in which the key was found. */
  use: () => Promise<void>
}

/**
 * The enrolment key behind a secret, null where it is not valid or no longer. Holds it until commit.
 * @throws AppError `forbidden` once it was used as often as it may be
 */
export async function findEnrollmentKey(db: Queryable, secret: string): Promise<UsableKey | null> {
  const hash = hashToken(secret)
  const key = await lockEnrollmentKey(db, hash)
  if (!key || !sameHash(key.key_hash, hash)) return null
  if (key.max_uses !== null && key.uses >= key.max_uses) {
    throw new AppError('forbidden', 'This enrolment key was used as often as it may be. Ask for a new one.')
  }
  return { ...key, use: () => countUse(db, key.id) }
}
