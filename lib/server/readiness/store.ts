import { database } from '../db.ts'

/** Whether the database answers and was migrated. */
export async function readServerRow(): Promise<boolean> {
  const rows = await database().$queryRaw<{ id: number }[]>`SELECT id FROM server_identity WHERE id = 1`
  return rows.length === 1
}
