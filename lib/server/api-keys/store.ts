import { database, type Queryable } from '../db.ts'

export type ApiKeyRow = {
  id: string
  name: string
  role: string
  created_by: string
  created_at: Date
  revoked_at: Date | null
}

export async function selectApiKeyByHash(
  hash: Uint8Array<ArrayBuffer>,
): Promise<(ApiKeyRow & { key_hash: Uint8Array }) | null> {
  const rows = await database().$queryRaw<(ApiKeyRow & { key_hash: Uint8Array })[]>`
    SELECT id, name, role, created_by, created_at, revoked_at, key_hash FROM api_key
    WHERE key_hash = ${hash} AND revoked_at IS NULL`
  return rows[0] ?? null
}

/** @returns null where a key of that hash exists already */
export async function insertApiKey(
  db: Queryable,
  key: { name: string; role: string; hash: Uint8Array<ArrayBuffer>; createdBy: string },
): Promise<ApiKeyRow | null> {
  const rows = await db.$queryRaw<ApiKeyRow[]>`
    INSERT INTO api_key (name, role, key_hash, created_by)
    VALUES (${key.name}, ${key.role}, ${key.hash}, ${key.createdBy})
    ON CONFLICT (key_hash) DO NOTHING
    RETURNING id, name, role, created_by, created_at, revoked_at`
  return rows[0] ?? null
}

export async function selectApiKeys(): Promise<ApiKeyRow[]> {
  return database().$queryRaw<ApiKeyRow[]>`
    SELECT id, name, role, created_by, created_at, revoked_at FROM api_key ORDER BY created_at DESC, id`
}

/** @returns null where there is no such key, or it was revoked before */
export async function revokeApiKeyRow(db: Queryable, id: string): Promise<ApiKeyRow | null> {
  const rows = await db.$queryRaw<ApiKeyRow[]>`
    UPDATE api_key SET revoked_at = now() WHERE id = ${id}::uuid AND revoked_at IS NULL
    RETURNING id, name, role, created_by, created_at, revoked_at`
  return rows[0] ?? null
}
