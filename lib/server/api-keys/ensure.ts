import { systemActor } from '../actor.ts'
import { appendAudit } from '../audit/append.ts'
import { database } from '../db.ts'
import { hashToken } from '../tokens.ts'
import { insertApiKey } from './store.ts'

/** Adds an API key with the role admin whose secret the operator chose; one that is known stays as it is. */
export async function ensureApiKey(secret: string): Promise<void> {
  const name = 'From the environment'
  const role = 'admin'
  await database().$transaction(async (db) => {
    const key = await insertApiKey(db, { name, role, hash: hashToken(secret), createdBy: 'environment' })
    if (!key) return
    const actor = systemActor('start')
    await appendAudit(db, [
      { actor, action: 'api_key.create', target: 'api_key', targetId: key.id, after: { name, role } },
    ])
  })
}
