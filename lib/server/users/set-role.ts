import type { User } from '#lib/protocol/access.ts'
import { AppError } from '#lib/protocol/errors.ts'
import { authorise, type Actor, type Role } from '../actor.ts'
import { appendAudit } from '../audit/append.ts'
import { database } from '../db.ts'
import { toUser } from './list.ts'
import { keepOneAdmin } from './remove.ts'
import { selectUser, setRole } from './store.ts'

/** Gives a person another role, at once. @throws AppError `not_found`, `conflict` for the last administrator */
export async function setUserRole(actor: Actor, id: string, role: Role, traceId?: string): Promise<User> {
  authorise(actor, 'admin')
  return database().$transaction(async (db) => {
    const known = await selectUser(id)
    if (!known) throw new AppError('not_found', 'There is no such account.')
    if (role !== 'admin') await keepOneAdmin(db, id)
    const row = await setRole(db, id, role)
    if (!row) throw new AppError('not_found', 'There is no such account.')
    const change = { before: { email: known.email, role: known.role }, after: { role } }
    await appendAudit(db, [
      { actor, action: 'user.set_role', target: 'user', targetId: id, ...change, traceId },
    ])
    return toUser(row)
  })
}
