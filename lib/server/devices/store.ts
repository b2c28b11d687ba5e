import { database, queryPrepared } from '../db.ts'

/** What the device routes need to know of the device that calls. */
export type DeviceIdentity = {
  id: string
  name: string
  /** active | paused | revoked */
  status: string
  scopes: string[]
  incarnation: string
  platform: string
  appVersion: string
  schemaVersion: number
  /** Set by an admin's resync: the next pull answers with it. */
  resyncReason: string | null
  lastSyncAt: Date | null
}

export async function selectDeviceByToken(
  hash: Uint8Array<ArrayBuffer>,
): Promise<{ token_hash: Uint8Array; device: DeviceIdentity } | null> {
  const text = `
    SELECT d.token_hash, d.id, d.name, d.status, d.scopes, d.incarnation, d.platform, d.app_version AS "appVersion",
      d.schema_version AS "schemaVersion", d.resync_reason AS "resyncReason", h.last_sync_at AS "lastSyncAt"
    FROM device d LEFT JOIN device_health h ON h.device_id = d.id
    WHERE d.token_hash = $1`
  const [row] = await queryPrepared<{ token_hash: Uint8Array } & DeviceIdentity>(
    database(),
    { name: 'device_by_token', text },
    [hash],
  )
  if (!row) return null
  const { token_hash, ...device } = row
  return { token_hash, device }
}

/** Every ten seconds is often enough to show that a device still talks, and bounds what it can make us write. */
export async function touchLastSeen(deviceId: string): Promise<void> {
  await database().$executeRaw`
    UPDATE device_health SET last_seen_at = now() WHERE device_id = ${deviceId}::uuid
      AND (last_seen_at IS NULL OR last_seen_at < now() - interval '10 seconds')`
}
