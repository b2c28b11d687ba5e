import type { User } from '#lib/protocol/access.ts'
import { authorise, type Actor } from '../actor.ts'
import type { Page } from '../list/page.ts'
import { selectUsers, type UserRow } from './store.ts'

/** Everybody who may sign in, by e-mail. They are few. */
export async function listUsers(actor: Actor): Promise<Page<User>> {
  authorise(actor, 'admin')
  const items = (await selectUsers()).map(toUser)
  return { items, next_cursor: null, total: items.length }
}

export function toUser(row: UserRow): User {
  const { id, email, name, role, has_password } = row
  const created_at = row.created_at.toISOString()
  return {
    id,
    email,
    name,
    role,
    has_password,
    created_at,
    last_sign_in_at: row.last_sign_in_at?.toISOString() ?? null,
  }
}
