import { z } from 'zod'
import { personActor, roles, type Actor } from '../actor.ts'
import { hashToken, sameHash } from '../tokens.ts'
import { selectApiKeyByHash } from './store.ts'

/** The actor behind an API key, null where the key is not valid or no longer. */
export async function findApiKey(token: string): Promise<Actor | null> {
  const hash = hashToken(token)
  const key = await selectApiKeyByHash(hash)
  if (!key || !sameHash(key.key_hash, hash)) return null
  return personActor({ id: key.id, name: key.name, role: z.enum(roles).parse(key.role), via: 'api_key' })
}
