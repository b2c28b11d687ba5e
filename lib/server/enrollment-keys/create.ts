import {
  createEnrollmentKeySchema,
  type CreateEnrollmentKey,
  type EnrollmentKey,
  type WithSecret,
} from '#lib/protocol/access.ts'
import { authorise, type Actor } from '../actor.ts'
import { appendAudit } from '../audit/append.ts'
import { database } from '../db.ts'
import { createToken, hashToken } from '../tokens.ts'
import { insertEnrollmentKey, type EnrollmentKeyRow } from './store.ts'

/** Makes an enrolment key. Its secret is in this answer and nowhere else. */
export async function createEnrollmentKey(
  actor: Actor,
  input: CreateEnrollmentKey,
  traceId?: string,
): Promise<WithSecret<EnrollmentKey>> {
  authorise(actor, 'admin')
  const { name, scopes, max_uses, allow_reenroll, expires_at } = createEnrollmentKeySchema.parse(input)
  const secret = createToken('enrollmentKey')
  return database().$transaction(async (db) => {
    const row = await insertEnrollmentKey(db, {
      name,
      hash: hashToken(secret),
      scopes: [...new Set(scopes)],
      maxUses: max_uses ?? null,
      allowReenroll: allow_reenroll,
      expiresAt: expires_at ?? null,
      createdBy: actor.name,
    })
    if (!row) throw new Error('two random keys are the same')
    const after = { name, scopes, max_uses: max_uses ?? null, allow_reenroll, expires_at: expires_at ?? null }
    await appendAudit(db, [
      { actor, action: 'enrollment_key.create', target: 'enrollment_key', targetId: row.id, after, traceId },
    ])
    return { ...toEnrollmentKey(row), secret }
  })
}

export function toEnrollmentKey(row: EnrollmentKeyRow): EnrollmentKey {
  return {
    ...row,
    expires_at: row.expires_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
    revoked_at: row.revoked_at?.toISOString() ?? null,
  }
}
