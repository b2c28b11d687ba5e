import type { EnrollReply, EnrollRequest } from '#lib/protocol/enroll.ts'
import { database, type Queryable } from '../db.ts'

type KnownDevice = { status: string; scopes: string[]; incarnation: string; token_hash: Uint8Array }

export async function lockDevice(db: Queryable, id: string): Promise<KnownDevice | null> {
  const rows = await db.$queryRaw<KnownDevice[]>`
    SELECT status, scopes, incarnation, token_hash FROM device WHERE id = ${id}::uuid FOR UPDATE`
  return rows[0] ?? null
}

type Enrolled = EnrollRequest & { tokenHash: Uint8Array<ArrayBuffer>; keyId: string }

/** Writes the device with its new token, and the incarnation that it lives in from now on. */
export async function upsertEnrolled(db: Queryable, device: Enrolled): Promise<void> {
  await db.$executeRaw`
    INSERT INTO device (id, name, platform, app_version, token_hash, scopes, incarnation, enrollment_key_id)
    VALUES (${device.device_id}::uuid, ${device.name}, ${device.platform}, ${device.app_version}, ${device.tokenHash},
      ${device.scopes}, ${device.incarnation}::uuid, ${device.keyId}::uuid)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, platform = excluded.platform,
      app_version = excluded.app_version, token_hash = excluded.token_hash, scopes = excluded.scopes,
      incarnation = excluded.incarnation, enrollment_key_id = excluded.enrollment_key_id,
      enrolled_at = now(), version = device.version + 1`
  await db.$executeRaw`
    INSERT INTO device_health (device_id) VALUES (${device.device_id}::uuid) ON CONFLICT DO NOTHING`
  await db.$executeRaw`
    INSERT INTO device_stream (device_id, incarnation) VALUES (${device.device_id}::uuid, ${device.incarnation}::uuid)
    ON CONFLICT DO NOTHING`
}

/** What a device is told of the server: its history's identity and its tables. */
export async function selectServerFacts(): Promise<{ epoch: string; tables: EnrollReply['tables'] }> {
  const rows = await database().$queryRaw<{ epoch: string; tables: EnrollReply['tables'] }[]>`
    SELECT i.epoch, coalesce((
      SELECT jsonb_agg(jsonb_build_object(
        'name', t.name,
        'strategy', t.policy->>'strategy',
        'priority', coalesce(t.policy->>'priority', 'normal'),
        'schema_version', coalesce((t.policy->>'schema_version')::int, 1)) ORDER BY t.name)
      FROM table_policy t), '[]') AS tables
    FROM server_identity i WHERE i.id = 1`
  const facts = rows[0]
  if (!facts) throw new Error('server_identity is empty: the migrations were not applied')
  return facts
}
