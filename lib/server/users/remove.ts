import { AppError } from '#lib/protocol/errors.ts'
import { authorise, type Actor } from '../actor.ts'
import { appendAudit } from '../audit/append.ts'
import { database, type Queryable } from '../db.ts'
import { deleteUserRow, lockAdmins, selectUser } from './store.ts'

/** Removes an account; its sessions end at once. @throws AppError `not_found`, `conflict` for the last administrator */
export async function removeUser(actor: Actor, id: string, traceId?: string): Promise<{ id: string }> {
  authorise(actor, 'admin')
  return database().$transaction(async (db) => {
    const known = await selectUser(id)
    if (!known) throw new AppError('not_found', 'There is no such account.')
    await keepOneAdmin(db, id)
    await deleteUserRow(db, id)
    const before = { email: known.email, role: known.role }
    await appendAudit(db, [{ actor, action: 'user.remove', target: 'user', targetId: id, before, traceId }])
    return { id }
  })
}

/** Somebody must be able to let others in. @throws AppError `conflict` */
export async function keepOneAdmin(db: Queryable, leavingId: string): Promise<void> {
  const admins = await lockAdmins(db)
  if (admins.length === 1 && admins[0]?.id === leavingId) {
    throw new AppError('conflict', 'This is the last administrator. Make somebody else one first.')
  }
}
