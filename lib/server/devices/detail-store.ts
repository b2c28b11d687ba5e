import type { TablePolicy } from '#lib/core/policy.ts'
import { database } from '../db.ts'

export type StreamRow = { incarnation: string; last_seq: bigint; holes: bigint; created_at: Date }

export async function selectStreams(deviceId: string): Promise<StreamRow[]> {
  return database().$queryRaw<StreamRow[]>`
    SELECT s.incarnation, s.last_seq, s.created_at, (
      SELECT count(*) FROM stream_hole g WHERE g.device_id = s.device_id AND g.incarnation = s.incarnation) AS holes
    FROM device_stream s WHERE s.device_id = ${deviceId}::uuid ORDER BY s.created_at DESC, s.incarnation LIMIT 100`
}

export type EventRow = { id: bigint; at: Date; kind: string; code: string; detail: string }

/** The newest events: 100 transitions, and 100 of what went wrong. */
export async function selectEvents(deviceId: string): Promise<EventRow[]> {
  return database().$queryRaw<EventRow[]>`
    (SELECT id, at, kind, code, detail FROM device_event
      WHERE device_id = ${deviceId}::uuid AND kind = 'transition' ORDER BY id DESC LIMIT 100)
    UNION ALL
    (SELECT id, at, kind, code, detail FROM device_event
      WHERE device_id = ${deviceId}::uuid AND kind <> 'transition' ORDER BY id DESC LIMIT 100)
    ORDER BY id DESC`
}

export async function selectHeads(
  scopes: string[],
): Promise<{ scope: string; seq: bigint; min_seq: bigint }[]> {
  return database().$queryRaw<{ scope: string; seq: bigint; min_seq: bigint }[]>`
    SELECT s.scope, coalesce(f.seq, 0) AS seq, coalesce(f.min_seq, 0) AS min_seq FROM unnest(${scopes}::text[]) AS s(scope)
    LEFT JOIN feed_head f ON f.scope = s.scope ORDER BY s.scope`
}

export async function selectKeyName(id: string): Promise<string | null> {
  const rows = await database().$queryRaw<
    { name: string }[]
  >`SELECT name FROM enrollment_key WHERE id = ${id}::uuid`
  return rows[0]?.name ?? null
}

export type SchemaRow = {
  table: string
  /** What the device has, and whether it said so for this table. */
  version: number
  is_declared: boolean
  policy: { schema_version: number; upcasts: TablePolicy['upcasts'] }
}

/** Tables of which a device has another schema than the server. */
export async function selectSchemas(deviceId: string): Promise<SchemaRow[]> {
  return database().$queryRaw<SchemaRow[]>`
    SELECT t.name AS "table", v.version, v.is_declared,
      jsonb_build_object('schema_version', v.server_version, 'upcasts', coalesce(t.policy->'upcasts', '{}')) AS policy
    FROM device d CROSS JOIN table_policy t CROSS JOIN LATERAL (
      SELECT coalesce((d.schema_versions->>t.name)::int, d.schema_version) AS version,
        d.schema_versions ? t.name AS is_declared, coalesce((t.policy->>'schema_version')::int, 1) AS server_version
    ) v
    WHERE d.id = ${deviceId}::uuid AND v.version <> v.server_version ORDER BY t.name LIMIT 200`
}

/** A device that loads everything or waits for its turn to, and how many wait before it. */
export async function selectTurn(
  deviceId: string,
): Promise<{ asked_at: Date; admitted_at: Date | null; ahead: bigint } | null> {
  const rows = await database().$queryRaw<{ asked_at: Date; admitted_at: Date | null; ahead: bigint }[]>`
    SELECT t.asked_at, t.admitted_at, (SELECT count(*) FROM snapshot_turn o WHERE o.admitted_at IS NULL
      AND o.expires_at > now() AND (o.turn_at, o.device_id) < (t.turn_at, t.device_id)) AS ahead
    FROM snapshot_turn t WHERE t.device_id = ${deviceId}::uuid AND t.expires_at > now()`
  return rows[0] ?? null
}
