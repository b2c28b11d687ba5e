import { database, type Queryable } from '../db.ts'

export type EnrollmentKeyRow = {
  id: string
  name: string
  scopes: string[]
  max_uses: number | null
  uses: number
  allow_reenroll: boolean
  expires_at: Date | null
  created_by: string
  created_at: Date
  revoked_at: Date | null
}

/** @returns null where a key of that hash exists already */
export async function insertEnrollmentKey(
  db: Queryable,
  key: {
    name: string
    hash: Uint8Array<ArrayBuffer>
    scopes: string[]
    maxUses: number | null
    allowReenroll: boolean
    expiresAt: string | null
    createdBy: string
  },
): Promise<EnrollmentKeyRow | null> {
  const rows = await db.$queryRaw<EnrollmentKeyRow[]>`
    INSERT INTO enrollment_key (name, key_hash, scopes, max_uses, allow_reenroll, expires_at, created_by)
    VALUES (${key.name}, ${key.hash}, ${key.scopes}, ${key.maxUses}::int, ${key.allowReenroll},
      ${key.expiresAt}::timestamptz, ${key.createdBy})
    ON CONFLICT (key_hash) DO NOTHING
    RETURNING id, name, scopes, max_uses, uses, allow_reenroll, expires_at, created_by, created_at, revoked_at`
  return rows[0] ?? null
}

export async function selectEnrollmentKeys(): Promise<EnrollmentKeyRow[]> {
  return database().$queryRaw<EnrollmentKeyRow[]>`
    SELECT id, name, scopes, max_uses, uses, allow_reenroll, expires_at, created_by, created_at, revoked_at
    FROM enrollment_key ORDER BY created_at DESC, id`
}

/** The key that is valid now, locked until commit so that its uses are counted one by one. */
export async function lockEnrollmentKey(
  db: Queryable,
  hash: Uint8Array<ArrayBuffer>,
): Promise<(EnrollmentKeyRow & { key_hash: Uint8Array }) | null> {
  const rows = await db.$queryRaw<(EnrollmentKeyRow & { key_hash: Uint8Array })[]>`
    SELECT id, name, scopes, max_uses, uses, allow_reenroll, expires_at, created_by, created_at, revoked_at, key_hash
    FROM enrollment_key
    WHERE key_hash = ${hash} AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
    FOR UPDATE`
  return rows[0] ?? null
}

export async function countUse(db: Queryable, id: string): Promise<void> {
  await db.$executeRaw`UPDATE enrollment_key SET uses = uses + 1 WHERE id = ${id}::uuid`
}

/** @returns null where there is no such key, or it was revoked before */
export async function revokeEnrollmentKeyRow(db: Queryable, id: string): Promise<EnrollmentKeyRow | null> {
  const rows = await db.$queryRaw<EnrollmentKeyRow[]>`
    UPDATE enrollment_key SET revoked_at = now() WHERE id = ${id}::uuid AND revoked_at IS NULL
    RETURNING id, name, scopes, max_uses, uses, allow_reenroll, expires_at, created_by, created_at, revoked_at`
  return rows[0] ?? null
}
