import { randomBytes } from 'node:crypto'
import { roles, type Role } from '../actor.ts'
import { insertApiKey } from '../api-keys/store.ts'
import type { Queryable } from '../db.ts'
import { hashToken } from '../tokens.ts'

export type CallerInit = { body?: unknown; ifMatch?: string; headers?: Record<string, string> }

/** Makes an API key for each role; its requests are those of a script that holds it. */
export async function caller(db: Queryable) {
  const tokens = new Map<Role, string>()
  for (const role of roles) {
    const token = randomBytes(24).toString('base64url')
    await insertApiKey(db, { name: `${role} key`, role, hash: hashToken(token), createdBy: 'test' })
    tokens.set(role, token)
  }
  return {
    request(role: Role, method: string, path: string, { body, ifMatch, headers }: CallerInit = {}): Request {
      return new Request(`http://localhost${path}`, {
        method,
        headers: {
          authorization: `Bearer ${tokens.get(role)}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(ifMatch !== undefined && { 'if-match': ifMatch }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
    },
  }
}
