import type { Rows } from '#lib/sim/model/tables.ts'

/** What the oracle reads of a real database: plain SQL over the tables, none of the product's own queries. */

/** By scope: commits after the ones that are known. `$1`: {"scope": seq}. */
export const newCommits = `
  SELECT c.scope, c.seq::int AS seq, c.batch, c.position::float8 AS position, c.changes, c.size_bytes,
    encode(c.digest, 'hex') AS digest, encode(c.chain, 'hex') AS chain, c.actor_kind, c.actor_id, c.trace_id,
    to_char(c.committed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS committed_at
  FROM feed_commit c
  WHERE c.seq > coalesce(($1::jsonb->>c.scope)::bigint, 0)
  ORDER BY c.position, c.scope`

export const changesOfBatches = `
  SELECT c.scope, c.batch, c.ordinal, c."table", c.record_id, c.operation, c.effect, c.op_id, c.seq::int AS seq,
    c.outcome, c.before_version, c.after_version, c.data, c.checksum, c.hlc, c.vector, c.rule, c.lost, c.conflict_id,
    c.dead_letter_id, c.device_id
  FROM feed_change c WHERE c.batch = ANY ($1::uuid[]) ORDER BY c.batch, c.ordinal`

const record = `
  SELECT r.scope, r."table", r.id, r.version, r.data, r.checksum, r.hlc, r.vector, r.last_device_id AS device_id,
    r.deleted, r.last_op_id
  FROM record r`
export const recordsById = `${record} WHERE r.id = ANY ($1::uuid[])`
export const allRecords = record

const result = `
  SELECT o.device_id, o.incarnation, o.seq::int AS seq, o.op_id, encode(o.payload_hash, 'hex') AS hash, o.kind,
    o.answer, o.scope, o."table", o.record_id, o.version, o.pushed, o.stands_on
  FROM op_result o`
/** Written by a transaction that may have begun as long ago as a statement may take. */
export const recentResults = `${result} WHERE o.created_at > now() - interval '60 s'`
export const allResults = result

/** Small tables, read whole: a row that changed is found by comparing. */
export const whole = {
  heads: `
    SELECT h.scope, h.seq::int AS seq, h.min_seq::int AS min_seq, encode(h.chain, 'hex') AS chain FROM feed_head h`,
  streams: `
    SELECT s.device_id AS device, s.incarnation, s.last_seq::int AS last_seq, s.revision, s.last_hlc
    FROM device_stream s`,
  devices: `
    SELECT d.id, '' AS token, d.status, d.scopes, d.incarnation, d.resync_reason FROM device d`,
  conflicts: `
    SELECT c.id, c.code, c.scope, c."table", c.record_id, c.device_id, c.op_id, c.later_op_ids::text[] AS later_op_ids,
      c.operation, c.fields, c.base_version, c.base_data, c.client_data, c.client_hlc, c.client_vector,
      c.server_version, c.server_data, c.server_hlc, c.server_vector, c.server_device_id, c.strategy, c.version,
      c.state, c.choice, c.resolved_version, c.moved_from
    FROM conflict c`,
  letters: `
    SELECT d.id, d.source, d.device_id, d.incarnation, d.seq::int AS seq, d.op_id, d.code, d.detail, d.pointers,
      d.scope, d."table", d.record_id, d.fingerprint, d.schema_version, d.change,
      encode(d.change_hash, 'hex') AS change_hash, d.attempts, d.state, d.version, d.replay_op_id
    FROM dead_letter d`,
  attempts: `
    SELECT a.id::text AS id, a.dead_letter_id, a.actor, a.op_id, a.outcome, a.code FROM dead_letter_attempt a`,
  sagas: `
    SELECT g.id, g.device_id, g.state, g.steps, g.applied, g.to_undo, g.blocked, g.cause, g.failed_step, g.failed_code,
      g.revision, g.reason, g.tables, g.scopes, g.retry_of, g.retried_as,
      extract(epoch FROM g.progressed_at)::float8 * 1000 AS progressed_ms
    FROM saga g`,
  steps: `
    SELECT t.saga_id, t.step, t.state, t.outcome, t.op_id, t.seq::int AS seq, t.scope, t.from_scope, t."table",
      t.record_id, t.operation, t.before_version, t.after_version, t.change, t.schema_version, t.conflict_id,
      t.dead_letter_id, t.undo, t.undo_op_id, t.undo_version, t.undo_conflict_id, t.undo_detail
    FROM saga_step t ORDER BY t.saga_id, t.step`,
  policies: `SELECT p.name, p.version, p.policy FROM table_policy p`,
} satisfies Partial<Record<keyof Rows, string>>
export type WholeTable = keyof typeof whole

/** Every hole there ever was, as it was last: one that is closed again between two looks did hold back what stood behind it. */
export const holesSeen = `
  SELECT DISTINCT ON (h.device_id, h.incarnation, h.seq) h.device_id AS device, h.incarnation, h.seq::int AS seq, h.op_id, h.scope, h."table", h.record_id, h.saga_id,
    h.code, h.attempts
  FROM sim.hole h ORDER BY h.device_id, h.incarnation, h.seq, h.n DESC`

/** Statements that make a database remember its holes; everything else can be read when it is over. */
export const instruments = [
  'CREATE SCHEMA sim',
  'CREATE TABLE sim.hole (LIKE public.stream_hole, n bigserial)',
  `CREATE FUNCTION sim.keep_hole() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
  BEGIN
    INSERT INTO sim.hole SELECT NEW.*;
    RETURN NULL;
  END $$`,
  `CREATE TRIGGER keep_hole AFTER INSERT OR UPDATE ON public.stream_hole
    FOR EACH ROW EXECUTE FUNCTION sim.keep_hole()`,
]
