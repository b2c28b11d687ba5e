import { systemActor } from '../actor.ts'
import { insertApiKey } from '../api-keys/store.ts'
import { appendAudit } from '../audit/append.ts'
import { database } from '../db.ts'
import { insertEnrollmentKey } from '../enrollment-keys/store.ts'
import { hashToken } from '../tokens.ts'

/**
 * Adds the keys that the environment gives: an API key with the role admin, and an enrolment key for any scope.
 * Run at every start. A key that is known already stays as it is, so one that was revoked stays revoked; keys that
 * are gone from the environment are not removed: revoke them.
 */
export async function ensureBootstrapKeys(keys: {
  apiKey?: string | undefined
  enrollmentKey?: string | undefined
}): Promise<void> {
  const { apiKey, enrollmentKey } = keys
  const actor = systemActor('start')
  await database().$transaction(async (db) => {
    const createdBy = 'environment'
    const name = 'From the environment'
    const api =
      apiKey && (await insertApiKey(db, { name, role: 'admin', hash: hashToken(apiKey), createdBy }))
    const enrollment =
      enrollmentKey &&
      (await insertEnrollmentKey(db, {
        name,
        hash: hashToken(enrollmentKey),
        scopes: ['*'],
        maxUses: null,
        allowReenroll: true,
        expiresAt: null,
        createdBy,
      }))
    await appendAudit(db, [
      ...(api
        ? [
            {
              actor,
              action: 'api_key.create',
              target: 'api_key',
              targetId: api.id,
              after: { name, role: 'admin' },
            },
          ]
        : []),
      ...(enrollment
        ? [
            {
              actor,
              action: 'enrollment_key.create',
              target: 'enrollment_key',
              targetId: enrollment.id,
              after: { name, scopes: ['*'] },
            },
          ]
        : []),
    ])
  })
}
