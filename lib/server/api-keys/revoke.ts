import { AppError } from '#lib/protocol/errors.ts'
import type { ApiKey } from '#lib/protocol/access.ts'
import { authorise, type Actor } from '../actor.ts'
import { appendAudit } from '../audit/append.ts'
import { database } from '../db.ts'
import { toApiKey } from './create.ts'
import { revokeApiKeyRow } from './store.ts'

/** Ends an API key at once. @throws AppError `not_found` */
export async function revokeApiKey(actor: Actor, id: string, traceId?: string): Promise<ApiKey> {
  authorise(actor, 'admin')
  return database().$transaction(async (db) => {
    const row = await revokeApiKeyRow(db, id)
    if (!row) throw new AppError('not_found', 'There is no such API key, or it was revoked before.')
    await appendAudit(db, [
      {
        actor,
        action: 'api_key.revoke',
        target: 'api_key',
        targetId: id,
        before: { name: row.name },
        traceId,
      },
    ])
    return toApiKey(row)
  })
}
