import {
  createApiKeySchema,
  roleSchema,
  type ApiKey,
  type CreateApiKey,
  type WithSecret,
} from '#lib/protocol/access.ts'
import { authorise, type Actor } from '../actor.ts'
import { appendAudit } from '../audit/append.ts'
import { database } from '../db.ts'
import { createToken, hashToken } from '../tokens.ts'
import { insertApiKey, type ApiKeyRow } from './store.ts'

/** Makes an API key. Its secret is in this answer and nowhere else. */
export async function createApiKey(
  actor: Actor,
  input: CreateApiKey,
  traceId?: string,
): Promise<WithSecret<ApiKey>> {
  authorise(actor, 'admin')
  const { name, role } = createApiKeySchema.parse(input)
  const secret = createToken('apiKey')
  return database().$transaction(async (db) => {
    const row = await insertApiKey(db, { name, role, hash: hashToken(secret), createdBy: actor.name })
    if (!row) throw new Error('two random keys are the same')
    await appendAudit(db, [
      {
        actor,
        action: 'api_key.create',
        target: 'api_key',
        targetId: row.id,
        after: { name, role },
        traceId,
      },
    ])
    return { ...toApiKey(row), secret }
  })
}

export function toApiKey(row: ApiKeyRow): ApiKey {
  return {
    ...row,
    role: roleSchema.parse(row.role),
    created_at: row.created_at.toISOString(),
    revoked_at: row.revoked_at?.toISOString() ?? null,
  }
}
