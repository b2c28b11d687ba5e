import type { ApiKey } from '#lib/protocol/access.ts'
import { authorise, type Actor } from '../actor.ts'
import type { Page } from '../list/page.ts'
import { toApiKey } from './create.ts'
import { selectApiKeys } from './store.ts'

/** Every API key, revoked ones too, the newest first. They are few. */
export async function listApiKeys(actor: Actor): Promise<Page<ApiKey>> {
  authorise(actor, 'admin')
  const items = (await selectApiKeys()).map(toApiKey)
  return { items, next_cursor: null, total: items.length }
}
