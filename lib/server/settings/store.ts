import type { Json } from '#lib/core/json.ts'
import { database, type Queryable } from '../db.ts'

/** A setting's value as it was stored, undefined where it was never set. */
export async function readSetting(key: string): Promise<unknown> {
  const rows = await database().$queryRaw<{ value: Json }[]>`SELECT value FROM setting WHERE key = ${key}`
  return rows[0]?.value
}

export async function writeSetting(db: Queryable, key: string, value: Json): Promise<void> {
  await db.$executeRaw`
    INSERT INTO setting (key, value) VALUES (${key}, ${JSON.stringify(value)}::jsonb)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value`
}
