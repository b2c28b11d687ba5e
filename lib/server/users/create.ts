import { randomBytes } from 'node:crypto'
import { createUserSchema, type CreateUser, type User, type WithSecret } from '#lib/protocol/access.ts'
import { AppError } from '#lib/protocol/errors.ts'
import { authorise, type Actor } from '../actor.ts'
import { appendAudit } from '../audit/append.ts'
import { database } from '../db.ts'
import { toUser } from './list.ts'
import { hashPassword } from './password.ts'
import { insertUser } from './store.ts'

/**
 * Makes an account. The password is in this answer alone.
 * @throws AppError `conflict` where the e-mail has an account
 */
export async function createUser(
  actor: Actor,
  input: CreateUser,
  traceId?: string,
): Promise<WithSecret<User>> {
  authorise(actor, 'admin')
  const { email, name, role, password } = createUserSchema.parse(input)
  const secret = password ?? randomBytes(15).toString('base64url')
  const passwordHash = await hashPassword(secret)
  return database().$transaction(async (db) => {
    const row = await insertUser(db, { email, name: name ?? email, role, passwordHash })
    if (!row) throw new AppError('conflict', `${email} has an account already.`)
    await appendAudit(db, [
      { actor, action: 'user.create', target: 'user', targetId: row.id, after: { email, role }, traceId },
    ])
    return { ...toUser(row), secret }
  })
}
