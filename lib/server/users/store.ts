import type { Role } from '../actor.ts'
import { database, type Queryable } from '../db.ts'
import { Prisma } from '../generated/prisma/client.ts'

export type UserRow = {
  id: string
  email: string
  name: string
  role: Role
  session_version: number
  created_at: Date
  last_sign_in_at: Date | null
  disabled_at: Date | null
  has_password: boolean
}

export type UserWithPassword = UserRow & { password_hash: string | null }

const columns = Prisma.raw(
  'id, email, name, role, session_version, created_at, last_sign_in_at, disabled_at, password_hash IS NOT NULL AS has_password',
)

export async function selectUser(id: string): Promise<UserRow | null> {
  const rows = await database().$queryRaw<UserRow[]>`
    SELECT ${columns}
    FROM user_account WHERE id = ${id}::uuid`
  return rows[0] ?? null
}

/** By e-mail, which is kept in lower case. */
export async function selectUserByEmail(
  email: string,
  db: Queryable = database(),
): Promise<UserWithPassword | null> {
  const rows = await db.$queryRaw<UserWithPassword[]>`
    SELECT ${columns}, password_hash
    FROM user_account WHERE email = ${email.toLowerCase()}`
  return rows[0] ?? null
}

export async function selectPasswordHash(id: string): Promise<string | null> {
  const rows = await database().$queryRaw<{ password_hash: string | null }[]>`
    SELECT password_hash FROM user_account WHERE id = ${id}::uuid`
  return rows[0]?.password_hash ?? null
}

export async function selectUsers(): Promise<UserRow[]> {
  return database().$queryRaw<UserRow[]>`
    SELECT ${columns}
    FROM user_account ORDER BY email`
}

/** @returns null where the e-mail is taken */
export async function insertUser(
  db: Queryable,
  user: { email: string; name: string; role: Role; passwordHash: string | null },
): Promise<UserRow | null> {
  const rows = await db.$queryRaw<UserRow[]>`
    INSERT INTO user_account (email, name, role, password_hash)
    VALUES (${user.email.toLowerCase()}, ${user.name}, ${user.role}, ${user.passwordHash})
    ON CONFLICT (email) DO NOTHING
    RETURNING ${columns}`
  return rows[0] ?? null
}

export async function touchSignIn(db: Queryable, id: string): Promise<void> {
  await db.$executeRaw`UPDATE user_account SET last_sign_in_at = now() WHERE id = ${id}::uuid`
}

/** Ends every session of the user. @returns the new session version */
export async function raiseSessionVersion(db: Queryable, id: string): Promise<number> {
  const rows = await db.$queryRaw<{ session_version: number }[]>`
    UPDATE user_account SET session_version = session_version + 1 WHERE id = ${id}::uuid RETURNING session_version`
  return rows[0]?.session_version ?? 0
}

export async function setPassword(db: Queryable, id: string, passwordHash: string): Promise<number> {
  const rows = await db.$queryRaw<{ session_version: number }[]>`
    UPDATE user_account SET password_hash = ${passwordHash}, session_version = session_version + 1
    WHERE id = ${id}::uuid RETURNING session_version`
  return rows[0]?.session_version ?? 0
}

export async function setRole(db: Queryable, id: string, role: Role): Promise<UserRow | null> {
  const rows = await db.$queryRaw<UserRow[]>`
    UPDATE user_account SET role = ${role}, session_version = session_version + 1 WHERE id = ${id}::uuid
    RETURNING ${columns}`
  return rows[0] ?? null
}

export async function deleteUserRow(db: Queryable, id: string): Promise<void> {
  await db.$executeRaw`DELETE FROM user_account WHERE id = ${id}::uuid`
}

/** The admins who can sign in, locked until commit, so that two cannot remove each other at once. */
export async function lockAdmins(db: Queryable): Promise<{ id: string }[]> {
  return db.$queryRaw<{ id: string }[]>`
    SELECT id FROM user_account WHERE role = 'admin' AND disabled_at IS NULL ORDER BY id FOR UPDATE`
}

const firstAdminSetting = 'first_admin'
/** Key of the advisory lock: one process at a time sees to the first administrator. */
const firstAdminLock = 706_172_003

/** Until the transaction ends: a row that is not there yet cannot be locked. */
export async function lockFirstAdmin(db: Queryable): Promise<void> {
  await db.$executeRaw`SELECT pg_advisory_xact_lock(${firstAdminLock})`
}

/** What `writeFirstAdmin` stored, undefined where it never did. */
export async function readFirstAdmin(db: Queryable): Promise<unknown> {
  const rows = await db.$queryRaw<
    { value: unknown }[]
  >`SELECT value FROM setting WHERE key = ${firstAdminSetting}`
  return rows[0]?.value
}

/** Remembers which password was taken from the environment, as a hash. */
export async function writeFirstAdmin(
  db: Queryable,
  applied: { email: string; passwordHash: string },
): Promise<void> {
  await db.$executeRaw`
    INSERT INTO setting (key, value) VALUES (${firstAdminSetting}, ${JSON.stringify(applied)}::jsonb)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value`
}
