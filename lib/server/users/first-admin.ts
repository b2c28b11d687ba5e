import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { systemActor } from '../actor.ts'
import { appendAudit } from '../audit/append.ts'
import { database, type Queryable } from '../db.ts'
import { hashPassword, passwordMatches } from './password.ts'
import {
  insertUser,
  lockAdmins,
  lockFirstAdmin,
  readFirstAdmin,
  selectUserByEmail,
  setPassword,
  setRole,
  writeFirstAdmin,
} from './store.ts'

/** The password that was last taken from the environment, as a hash, and for whom. */
const appliedSchema = z.object({ email: z.string(), passwordHash: z.string() })

/**
 * Makes sure that an administrator can sign in; run at every start.
 *
 * A password given in the environment is taken over once: when it is new, or when it was changed there. A password
 * changed in the console therefore survives restarts, and a forgotten one is reset by another value in the
 * environment. With no password given and no administrator there yet, one is made up.
 * @returns the password that was made up, to be shown once; it is stored nowhere
 */
export async function ensureFirstAdmin(admin: Admin): Promise<{ generatedPassword: string | null }> {
  // Of processes that start at the same time one makes the account, and the others find it.
  return database().$transaction(async (db) => {
    await lockFirstAdmin(db)
    return ensure(db, admin)
  })
}

type Admin = { email: string; password?: string | undefined }

async function ensure(db: Queryable, admin: Admin): Promise<{ generatedPassword: string | null }> {
  const email = admin.email.toLowerCase()
  if (admin.password === undefined) {
    const admins = await lockAdmins(db)
    if (admins.length > 0) return { generatedPassword: null }
    const generatedPassword = randomBytes(15).toString('base64url')
    await giveAdmin(db, email, await hashPassword(generatedPassword))
    return { generatedPassword }
  }
  const applied = appliedSchema.safeParse(await readFirstAdmin(db)).data
  if (applied?.email === email && (await passwordMatches(applied.passwordHash, admin.password))) {
    return { generatedPassword: null }
  }
  const passwordHash = await hashPassword(admin.password)
  await giveAdmin(db, email, passwordHash)
  await writeFirstAdmin(db, { email, passwordHash })
  return { generatedPassword: null }
}

/** Creates the account as an administrator, or gives the one there is the password and the role. */
async function giveAdmin(db: Queryable, email: string, passwordHash: string): Promise<void> {
  const known = await selectUserByEmail(email, db)
  const actor = systemActor('start')
  if (known) {
    await setPassword(db, known.id, passwordHash)
    if (known.role !== 'admin') await setRole(db, known.id, 'admin')
    const after = { email, role: 'admin', password: 'from the environment' }
    await appendAudit(db, [
      { actor, action: 'user.reset_password', target: 'user', targetId: known.id, after },
    ])
    return
  }
  const user = await insertUser(db, { email, name: 'Administrator', role: 'admin', passwordHash })
  if (user) {
    const after = { email, role: 'admin' }
    await appendAudit(db, [{ actor, action: 'user.create', target: 'user', targetId: user.id, after }])
  }
}
