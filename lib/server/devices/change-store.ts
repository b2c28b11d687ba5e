import { database, type Queryable } from '../db.ts'

export type ChangeableDevice = {
  id: string
  name: string
  status: string
  scopes: string[]
  version: number
  resync_reason: string | null
}

export async function lockForChange(db: Queryable, id: string): Promise<ChangeableDevice | null> {
  const rows = await db.$queryRaw<ChangeableDevice[]>`
    SELECT id, name, status, scopes, version, resync_reason FROM device WHERE id = ${id}::uuid FOR UPDATE`
  return rows[0] ?? null
}

/** The device's row is locked by `lockForChange`. */
export async function setStatus(db: Queryable, id: string, status: string): Promise<void> {
  await db.$executeRaw`
    UPDATE device SET status = ${status}, version = version + 1,
      revoked_at = CASE WHEN ${status} = 'revoked' THEN now() END
    WHERE id = ${id}::uuid`
}

export async function setResync(db: Queryable, id: string, reason: string): Promise<void> {
  await db.$executeRaw`UPDATE device SET resync_reason = ${reason}, version = version + 1 WHERE id = ${id}::uuid`
}

export async function setScopes(db: Queryable, id: string, scopes: string[]): Promise<void> {
  await db.$executeRaw`UPDATE device SET scopes = ${scopes}, version = version + 1 WHERE id = ${id}::uuid`
}

/** Runs one change of a device with its row locked. */
export function changing<T>(work: (db: Queryable) => Promise<T>): Promise<T> {
  return database().$transaction(work, { maxWait: 10_000 })
}
