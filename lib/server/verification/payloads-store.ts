import type { JsonObject } from '#lib/core/json.ts'
import type { Operation } from '#lib/protocol/sync.ts'
import { wholeSince } from './rules.ts'
import type { Ask } from './store.ts'

/** An answer, with what the log or the dead letters say of its operation. */
export type StoredPayload = {
  seq: number
  op_id: string
  device_id: string
  incarnation: string
  scope: string | null
  table: string | null
  record_id: string | null
  kind: string
  version: number | null
  hash: string
  /** Of what was taken as it was sent. */
  answer: string | null
  pushed: string | null
  stands_on: number | null
  created_at: Date
  logged: {
    operation: Operation
    outcome: string
    effect: string
    before_version: number
    checksum: string
    scope: string
    to_scope: string | null
    moved_from: string | null
    sent: JsonObject | null
    first_checksum: string | null
    /** What the device wanted, whole, where it did not get it. */
    lost: string | null
    is_step: boolean
    millis: number
  } | null
  letter: {
    change: string
    scope: string
    table: string | null
    record_id: string | null
    /** Its record is, or was, in the scope that the answer names: an edit follows a record that moved. */
    is_followed: boolean
    /** Its data is of an older schema than its table has, or had: what was pushed may be what that was brought up to. */
    is_older: boolean
    /** It came with this answer, and not with an earlier one that was forgotten. */
    is_first: boolean
    millis: number
  } | null
  /** Its log was compacted, or the version it was answered with is not in it: what is not there proves nothing. */
  is_compacted: boolean
}

/** Answers in the order of their key. */
export function selectPayloads(
  ask: Ask,
  after: { device: string; incarnation: string; seq: number },
): Promise<StoredPayload[]> {
  return ask<StoredPayload>(
    `SELECT o.seq::float8 AS seq, o.op_id, o.device_id, o.incarnation, o.record_id, o."table", o.scope, o.kind, o.version,
       encode(o.payload_hash, 'hex') AS hash, o.pushed::text AS pushed, o.stands_on, o.created_at,
       CASE WHEN o.kind = 'accepted' AND o.pushed IS NULL THEN o.answer END AS answer,
       c.logged, d.letter, coalesce(o.created_at < k.whole_since, false) AS is_compacted
     FROM (SELECT * FROM op_result WHERE (device_id, incarnation, seq) > ($1::uuid, $2::uuid, $3::bigint)
       ORDER BY device_id, incarnation, seq LIMIT 2000) o
     -- A move that was not made is answered in one scope and logged in another.
     CROSS JOIN (SELECT max(${wholeSince('k')}) AS whole_since FROM feed_checkpoint k) k
     LEFT JOIN LATERAL (SELECT json_build_object('operation', f.operation, 'outcome', f.outcome, 'effect', f.effect,
         'before_version', f.before_version, 'checksum', f.checksum, 'scope', f.scope, 'to_scope', f.rule->>'to_scope',
         'moved_from', coalesce(f.rule->>'moved_from', f.rule->>'from_scope'), 'sent', f.rule->'sent', 'first_checksum', f.rule->>'first_checksum',
         'lost', CASE WHEN f.lost->0->>'path' = '' AND f.lost->0->>'from' = 'client' THEN (f.lost->0->'value')::text END,
         'is_step', f.rule ? 'saga', 'millis', extract(epoch FROM f.committed_at) * 1000) AS logged
       FROM feed_change f WHERE f.record_id = o.record_id AND f."table" = o."table" AND f.op_id = o.op_id
         AND f.effect <> 'LEAVE' LIMIT 1) c ON true
     LEFT JOIN LATERAL (SELECT json_build_object('change', d.change, 'scope', d.scope, 'table', d."table",
         'record_id', d.record_id, 'is_followed', EXISTS (SELECT FROM feed_change f
           WHERE f.record_id = o.record_id AND f."table" = o."table" AND f.scope = o.scope),
           'is_older', EXISTS (
             SELECT FROM (SELECT name, policy FROM table_policy UNION ALL SELECT name, policy FROM table_policy_version) p
             WHERE p.name = d."table" AND (p.policy->>'schema_version')::int > d.schema_version),
           'is_first', d.incarnation = o.incarnation AND d.seq = o.seq, 'millis', extract(epoch FROM d.created_at) * 1000) AS letter
       FROM dead_letter d WHERE o.kind = 'rejected'
         AND d.id = (substring(o.answer FROM '"dead_letter_id":"([0-9a-f-]{36})"'))::uuid) d ON true
     ORDER BY o.device_id, o.incarnation, o.seq`,
    [after.device, after.incarnation, after.seq],
  )
}

/** What else an operation may have been made on, which was answered by a version that did not keep what it was made on. */
export type Surroundings = {
  op_id: string
  /** The change as it was sent, where a saga's step keeps it. */
  change: string | null
  /** Where its record was, or should have gone. */
  scopes: string[]
  /** Other operations of its device on the record. */
  others: string[]
  /** It may rest on something of which nothing is left, or what was sent is not what is stored. */
  is_unknown: boolean
}

/** For the few operations whose payload is not the plainest that it can be. */
export function selectSurroundings(ask: Ask, opIds: readonly string[]): Promise<Surroundings[]> {
  return ask<Surroundings>(
    `WITH asked AS (SELECT * FROM op_result WHERE op_id = ANY ($1::uuid[])), made AS (
       SELECT device_id, record_id, array_agg(op_id) AS op_ids FROM (
         SELECT device_id, record_id, op_id FROM op_result WHERE device_id IN (SELECT device_id FROM asked)
         UNION SELECT device_id, record_id, op_id FROM dead_letter
           WHERE device_id IN (SELECT device_id FROM asked) AND op_id IS NOT NULL) each
       WHERE record_id IN (SELECT record_id FROM asked) GROUP BY device_id, record_id)
     SELECT o.op_id, t.change, h.scopes, array_remove(m.op_ids, o.op_id) AS others,
       -- Answers that were forgotten, a log that was compacted, a life before this one, a history that was lost; a table
       -- whose texts are edited by steps, or whose schema has moved on; and what was stamped anew, and changed nothing.
       h.is_compacted OR EXISTS (SELECT FROM lost_history)
         OR (SELECT count(*) FROM device_stream s WHERE s.device_id = o.device_id AND s.last_seq > 0) > 1
         OR (SELECT min(r.seq) FROM op_result r WHERE r.device_id = o.device_id AND r.incarnation = o.incarnation) > 1
         OR EXISTS (SELECT FROM (SELECT name, policy FROM table_policy UNION ALL SELECT name, policy FROM table_policy_version) p
           WHERE p.name = o."table" AND (p.policy::text ~ '"ot"' OR coalesce((p.policy->>'schema_version')::int, 1) > 1))
         OR (h.has_register AND NOT EXISTS (SELECT FROM feed_change f WHERE f.record_id = o.record_id AND f."table" = o."table"
           AND f.op_id = o.op_id))
         AS is_unknown
     FROM asked o LEFT JOIN made m ON m.device_id = o.device_id AND m.record_id = o.record_id
     -- Something else may have come under its name.
     LEFT JOIN saga_step t ON t.op_id = o.op_id AND t.seq = o.seq AND t.at = o.created_at
     CROSS JOIN LATERAL (SELECT ARRAY(SELECT DISTINCT f.scope FROM feed_change f WHERE f.record_id = o.record_id
           AND f."table" = o."table" UNION SELECT f.rule->>'to_scope' FROM feed_change f WHERE f.record_id = o.record_id
           AND f."table" = o."table" AND f.rule ? 'to_scope') AS scopes,
         EXISTS (SELECT FROM feed_change f JOIN feed_checkpoint k ON k.scope = f.scope AND f.committed_at < ${wholeSince('k')}
           WHERE f.record_id = o.record_id AND f."table" = o."table") AS is_compacted,
         EXISTS (SELECT FROM feed_change f WHERE f.record_id = o.record_id AND f."table" = o."table"
           AND f.data::text LIKE '%"lww-register"%') AS has_register) h`,
    [opIds],
  )
}
