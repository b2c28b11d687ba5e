import { database } from '../db.ts'

export async function selectSetting(key: string): Promise<unknown> {
  const rows = await database().$queryRaw<{ value: unknown }[]>`SELECT value FROM setting WHERE key = ${key}`
  return rows[0]?.value ?? null
}
