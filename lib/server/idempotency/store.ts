import { database } from '../db.ts'

export type KeyClaim = { actorId: string; key: string; requestHash: Uint8Array<ArrayBuffer> }

type Earlier = { same: boolean; status: number | null; body: string | null }

/** Claims a key. @returns null where it was free, else what was done under it before */
export async function claimKey(claim: KeyClaim): Promise<Earlier | null> {
  const inserted = await database().$executeRaw`
    INSERT INTO idempotency_key (actor_id, key, request_hash) VALUES (${claim.actorId}, ${claim.key}, ${claim.requestHash})
    ON CONFLICT DO NOTHING`
  if (inserted === 1) return null
  const rows = await database().$queryRaw<Earlier[]>`
    SELECT request_hash = ${claim.requestHash} AS same, status, body FROM idempotency_key
    WHERE actor_id = ${claim.actorId} AND key = ${claim.key}`
  return rows[0] ?? { same: true, status: null, body: null }
}

export async function keepAnswer(claim: KeyClaim, status: number, body: string): Promise<void> {
  await database().$executeRaw`
    UPDATE idempotency_key SET status = ${status}, body = ${body} WHERE actor_id = ${claim.actorId} AND key = ${claim.key}`
}

export async function forgetKey(claim: KeyClaim): Promise<void> {
  await database().$executeRaw`
    DELETE FROM idempotency_key WHERE actor_id = ${claim.actorId} AND key = ${claim.key} AND status IS NULL`
}
