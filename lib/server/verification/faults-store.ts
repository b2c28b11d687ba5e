import type { Finding } from './finding.ts'
import { broken, type Rule } from './rules.ts'
import type { Ask } from './store.ts'

/** What must hold between answers, conflicts and dead letters, and between them and the log. */
const rules: readonly Rule[] = [
  {
    check: 'answers',
    detail: 'was answered with a version of its record that the log does not have',
    sql: `SELECT o.scope, o."table", o.record_id, o.seq::float8 AS seq, o.op_id AS id FROM op_result o
      WHERE o.kind = 'accepted' AND o.record_id IS NOT NULL
        -- What is older than a scope's checkpoint may have been compacted away.
        AND o.created_at > coalesce((SELECT k.created_at FROM feed_checkpoint k WHERE k.scope = o.scope), '-infinity')
        AND NOT EXISTS (SELECT FROM feed_change c WHERE c.record_id = o.record_id AND c."table" = o."table"
          AND c.after_version = o.version AND c.effect <> 'NONE')`,
  },
  {
    check: 'answers',
    detail: 'stands behind the end of its device’s stream',
    sql: `SELECT o.seq::float8 AS seq, o.op_id AS id FROM op_result o
      LEFT JOIN device_stream s ON s.device_id = o.device_id AND s.incarnation = o.incarnation
      WHERE s.device_id IS NULL OR o.seq > s.last_seq`,
  },
  {
    check: 'answers',
    detail: 'was answered, and is an open hole as well',
    sql: `SELECT o.seq::float8 AS seq, o.op_id AS id FROM op_result o
      JOIN stream_hole h ON h.device_id = o.device_id AND h.incarnation = o.incarnation AND h.seq = o.seq`,
  },
  {
    check: 'conflicts',
    detail: 'the log names a conflict that is not there',
    sql: `SELECT c.scope, c."table", c.record_id, c.ordinal, c.conflict_id AS id FROM feed_change c
      WHERE c.conflict_id IS NOT NULL AND NOT EXISTS (SELECT FROM conflict k WHERE k.id = c.conflict_id)`,
  },
  {
    check: 'conflicts',
    detail: 'is about a record, or a version of it, that is not there',
    sql: `SELECT k.scope, k."table", k.record_id, k.id FROM conflict k
      LEFT JOIN record r ON r.scope = k.scope AND r."table" = k."table" AND r.id = k.record_id
      WHERE k.state = 'open' AND (r.id IS NULL OR k.server_version > r.version)`,
  },
  {
    check: 'conflicts',
    detail: 'was resolved by a version that the log does not have',
    sql: `SELECT k.scope, k."table", k.record_id, k.id FROM conflict k
      WHERE k.state <> 'open' AND k.resolved_at > coalesce(
          (SELECT p.created_at FROM feed_checkpoint p WHERE p.scope = k.scope), '-infinity')
        AND NOT EXISTS (SELECT FROM feed_change c WHERE c.record_id = k.record_id AND c."table" = k."table"
          AND c.after_version = k.resolved_version AND c.conflict_id = k.id AND c.effect <> 'NONE')`,
  },
  {
    check: 'conflicts',
    detail: 'is neither open nor resolved',
    sql: `SELECT k.scope, k."table", k.record_id, k.id FROM conflict k WHERE k.state NOT IN ('open', 'resolved')
      OR (k.state = 'resolved') <> (k.resolved_at IS NOT NULL)`,
  },
  {
    check: 'dead_letters',
    detail: 'the log names a dead letter that is not there',
    sql: `SELECT c.scope, c."table", c.record_id, c.ordinal, c.dead_letter_id AS id FROM feed_change c
      WHERE c.dead_letter_id IS NOT NULL AND NOT EXISTS (SELECT FROM dead_letter d WHERE d.id = c.dead_letter_id)`,
  },
  {
    check: 'dead_letters',
    detail: 'is not open, replaying, replayed or discarded: what went in is not accounted for',
    sql: `SELECT d.scope, d."table", d.record_id, d.id FROM dead_letter d
      WHERE d.state NOT IN ('open', 'replaying', 'replayed', 'discarded')`,
  },
  {
    check: 'dead_letters',
    detail: 'is closed, and nobody closed it',
    sql: `SELECT d.scope, d."table", d.record_id, d.id FROM dead_letter d
      WHERE d.state IN ('replayed', 'discarded') AND NOT EXISTS (SELECT FROM dead_letter_attempt a
        WHERE a.dead_letter_id = d.id AND a.outcome = ANY (
          CASE d.state WHEN 'replayed' THEN ARRAY['replayed', 'conflict'] ELSE ARRAY['discarded'] END))`,
  },
  {
    check: 'dead_letters',
    detail: 'was replayed more than once',
    sql: `SELECT d.scope, d."table", d.record_id, d.id FROM dead_letter d
      WHERE (SELECT count(*) FROM dead_letter_attempt a
        WHERE a.dead_letter_id = d.id AND a.outcome IN ('replayed', 'conflict')) > 1`,
  },
]

/** Where answers, conflicts and dead letters do not hold together. */
export function findFaults(ask: Ask): AsyncGenerator<Finding> {
  return broken(ask, rules)
}
