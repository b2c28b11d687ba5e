import { systemActor } from '../actor.ts'
import { appendAudit } from '../audit/append.ts'
import { database } from '../db.ts'
import { hashToken } from '../tokens.ts'
import { insertEnrollmentKey } from './store.ts'

/** Adds an enrolment key for any scope whose secret the operator chose; one that is known stays as it is. */
export async function ensureEnrollmentKey(secret: string): Promise<void> {
  const name = 'From the environment'
  const scopes = ['*']
  await database().$transaction(async (db) => {
    const key = await insertEnrollmentKey(db, {
      name,
      hash: hashToken(secret),
      scopes,
      maxUses: null,
      allowReenroll: true,
      expiresAt: null,
      createdBy: 'environment',
    })
    if (!key) return
    const actor = systemActor('start')
    const after = { name, scopes }
    await appendAudit(db, [
      { actor, action: 'enrollment_key.create', target: 'enrollment_key', targetId: key.id, after },
    ])
  })
}
