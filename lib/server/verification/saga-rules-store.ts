import type { Finding } from './finding.ts'
import { broken, wholeSince, type Rule } from './rules.ts'
import type { Ask } from './store.ts'

/** What was written below a scope's checkpoint may have been compacted away. */
const isInLog = (at: string, scope: string) =>
  `${at} >= coalesce((SELECT ${wholeSince('k')} FROM feed_checkpoint k WHERE k.scope = ${scope}), '-infinity')`

/** Change `c` is what step `t` wrote, or what undoing it wrote. */
const ofStep = `c.record_id = t.record_id AND c."table" = t."table" AND c.rule->'saga'->>'id' = t.saga_id::text
  AND (c.rule->'saga'->>'step')::int = t.step`
const stepPlace = 't.saga_id AS id, t.step AS ordinal, t.scope, t."table", t.record_id'

/** What must hold between sagas, their steps, the log, the answers, the dead letters and the audit. */
const rules: readonly Rule[] = [
  {
    check: 'sagas',
    detail: 'its counts are not those of its steps',
    sql: `SELECT g.id FROM saga g LEFT JOIN LATERAL (
        SELECT count(*) FILTER (WHERE t.state = 'applied') AS applied, max(t.step) FILTER (WHERE t.state = 'applied') AS last,
          count(*) FILTER (WHERE t.state = 'applied' AND t.after_version IS NOT NULL AND t.undo IS NULL) AS to_undo,
          count(*) FILTER (WHERE t.undo IN ('conflict', 'failed')) AS blocked
        FROM saga_step t WHERE t.saga_id = g.id) s ON true
      WHERE (g.applied, g.applied, g.to_undo, g.blocked) IS DISTINCT FROM (s.applied, coalesce(s.last, 0), s.to_undo, s.blocked)`,
  },
  {
    check: 'sagas',
    detail: 'its state is not that of its counts',
    sql: `SELECT g.id FROM saga g WHERE g.state IS DISTINCT FROM CASE WHEN g.applied = g.steps THEN 'completed'
      WHEN g.cause IS NULL THEN 'running' WHEN g.to_undo > 0 THEN 'compensating' WHEN g.blocked > 0 THEN 'stuck'
      ELSE 'compensated' END`,
  },
  {
    check: 'sagas',
    detail: 'nothing says that this is why it was set back',
    sql: `SELECT g.id FROM saga g WHERE (g.failed_step IS NULL) <> (g.failed_code IS NULL)
      OR g.cause IS DISTINCT FROM CASE WHEN g.failed_step IS NOT NULL THEN 'step_failed'
        WHEN EXISTS (SELECT FROM audit a WHERE a.target = 'saga' AND a.target_id = g.id::text
          AND a.action = 'saga.time_out') THEN 'timed_out'
        WHEN EXISTS (SELECT FROM audit a WHERE a.target = 'saga' AND a.target_id = g.id::text
          AND a.action = 'saga.compensate' AND a.before->>'state' = 'running') THEN 'called_off' END`,
  },
  {
    check: 'sagas',
    detail: 'the step that failed is another, or ended otherwise',
    sql: `SELECT g.id FROM saga g WHERE g.failed_step IS NOT NULL
      AND NOT EXISTS (SELECT FROM saga_step t WHERE t.saga_id = g.id AND t.step = g.failed_step AND t.state = 'failed'
        AND t.outcome = g.failed_code)
      -- One that the device gave up, and that nobody could read, is no step: it stands for the next.
      AND NOT (g.failed_step = g.applied + 1
        AND NOT EXISTS (SELECT FROM saga_step t WHERE t.saga_id = g.id AND t.state = 'failed'))`,
  },
  {
    check: 'sagas',
    detail: 'the reason is not the one that was given',
    sql: `SELECT g.id FROM saga g WHERE g.reason IS DISTINCT FROM (SELECT a.reason FROM audit a WHERE a.target = 'saga'
      AND a.target_id = g.id::text AND a.action = 'saga.compensate' ORDER BY a.id DESC LIMIT 1)`,
  },
  {
    check: 'sagas',
    detail: 'its tables or scopes are not those of its steps',
    sql: `SELECT g.id FROM saga g WHERE EXISTS (SELECT FROM saga_step t WHERE t.saga_id = g.id
        AND t.state IN ('applied', 'failed') AND t."table" IS NOT NULL
        AND NOT (t."table" = ANY (g.tables) AND (t.scope = ANY (g.scopes) OR coalesce(t.from_scope = ANY (g.scopes), false))))
      OR g.state = 'completed' AND (
        EXISTS (SELECT FROM unnest(g.tables) k(name) WHERE NOT EXISTS (
          SELECT FROM saga_step t WHERE t.saga_id = g.id AND t."table" = k.name))
        OR cardinality(g.scopes) <> (SELECT count(DISTINCT t.scope) FROM saga_step t WHERE t.saga_id = g.id))`,
  },
  {
    check: 'sagas',
    detail: 'names a saga that it was retried as, or is the retry of, and that does not name it',
    sql: `SELECT g.id FROM saga g
      WHERE g.retried_as IS NOT NULL AND NOT EXISTS (SELECT FROM saga o WHERE o.id = g.retried_as AND o.retry_of = g.id)
        OR g.retry_of IS NOT NULL AND NOT EXISTS (SELECT FROM saga o WHERE o.id = g.retry_of AND o.retried_as = g.id)
          -- One that ended a quarter ago is gone.
          AND g.started_at > now() - interval '90 days'
        OR g.retried_as IS NULL AND EXISTS (SELECT FROM saga o WHERE o.retry_of = g.id)
        OR g.retry_of IS NULL AND EXISTS (SELECT FROM saga o WHERE o.retried_as = g.id)`,
  },
  {
    check: 'sagas',
    detail: 'is of another device than its steps',
    sql: `SELECT g.id FROM saga g WHERE EXISTS (SELECT FROM saga_step t JOIN op_result r ON r.op_id = t.op_id
        WHERE t.saga_id = g.id AND t.seq IS NOT NULL AND r.device_id <> g.device_id)
      OR EXISTS (SELECT FROM saga_step t JOIN feed_change c ON ${ofStep} AND c.op_id = t.op_id
        WHERE t.saga_id = g.id AND c.device_id IS DISTINCT FROM g.device_id)`,
  },
  {
    check: 'sagas',
    detail: 'the times of the saga are not those of its steps',
    sql: `SELECT g.id FROM saga g JOIN LATERAL (SELECT min(t.at) AS first, max(t.undone_at) AS undone,
          max(t.at) FILTER (WHERE t.state IN ('applied', 'failed')) AS last
        FROM saga_step t WHERE t.saga_id = g.id) s ON true
      WHERE (g.ended_at IS NULL) <> (g.state NOT IN ('completed', 'compensated')) OR g.started_at > s.first
        OR g.progressed_at < s.last OR g.state = 'completed' AND (g.progressed_at, g.ended_at) IS DISTINCT FROM (s.last, s.last)
        OR g.state = 'compensated' AND g.ended_at < s.undone`,
  },
  {
    check: 'sagas',
    detail: 'was applied, and the log does not have what it wrote',
    sql: `SELECT ${stepPlace} FROM saga_step t WHERE t.state = 'applied' AND ${isInLog('t.at', 't.scope')}
      AND (t.after_version IS NOT NULL OR t.outcome = 'superseded')
      AND NOT EXISTS (SELECT FROM feed_change c
        JOIN feed_commit k ON k.scope = c.scope AND k.batch = c.batch AND k.committed_at = c.committed_at
        WHERE ${ofStep} AND c.op_id = t.op_id AND c.effect <> 'LEAVE' AND c.operation = t.operation
          AND c.outcome = t.outcome AND coalesce(c.seq = t.seq, t.seq IS NULL) AND c.committed_at = t.at
          AND k.trace_id IS NOT DISTINCT FROM t.trace_id
          AND (t.after_version IS NULL AND t.before_version IS NULL AND c.effect = 'NONE'
            OR (c.before_version, c.after_version) IS NOT DISTINCT FROM (t.before_version, t.after_version))
          -- A move that lost was not made.
          AND (t.from_scope IS NULL OR t.from_scope = t.scope OR c.effect = 'NONE' AND t.from_scope = c.scope
            OR t.from_scope IN (c.rule->>'moved_from', c.rule->>'from_scope')))`,
  },
  {
    check: 'sagas',
    detail: 'ended in conflict, and the log does not say so',
    sql: `SELECT ${stepPlace} FROM saga_step t WHERE t.outcome IN ('conflict', 'stale_version')
      AND ${isInLog('t.at', 't.scope')} AND NOT EXISTS (SELECT FROM feed_change c
        WHERE ${ofStep} AND c.op_id = t.op_id AND c.effect = 'NONE' AND c.outcome = t.outcome
          AND c.operation = t.operation AND c.committed_at = t.at AND coalesce(c.seq = t.seq, t.seq IS NULL)
          AND c.conflict_id IS NOT DISTINCT FROM t.conflict_id)`,
  },
  {
    check: 'sagas',
    detail: 'was refused, and its dead letter is not there or says otherwise',
    sql: `SELECT ${stepPlace} FROM saga_step t WHERE t.state IN ('failed', 'aborted')
      AND t.outcome NOT IN ('conflict', 'stale_version') AND NOT EXISTS (SELECT FROM dead_letter d
        WHERE d.id = t.dead_letter_id
          -- What a device gave up it may report under another name.
          AND (d.source = 'device' OR d.op_id IS NOT DISTINCT FROM t.op_id)
          -- Replayed without its saga, it tells why that failed.
          AND (d.code = t.outcome OR EXISTS (SELECT FROM dead_letter_attempt a
            WHERE a.dead_letter_id = d.id AND a.outcome = 'failed' AND a.code = d.code))
          AND d.change = t.change AND d.schema_version = t.schema_version
          AND d.record_id IS NOT DISTINCT FROM t.record_id)`,
  },
  {
    check: 'sagas',
    detail: 'names what a step of its kind does not have',
    sql: `SELECT ${stepPlace} FROM saga_step t WHERE t.state NOT IN ('applied', 'failed', 'aborted')
      OR (t.state = 'applied') <> (t.outcome IN ('applied', 'merged', 'superseded', 'no_change'))
      OR (t.dead_letter_id IS NOT NULL) <> (t.state <> 'applied' AND t.outcome NOT IN ('conflict', 'stale_version'))
      OR (t.conflict_id IS NOT NULL) <> (t.outcome = 'conflict')
      OR (t.before_version IS NULL) <> (t.after_version IS NULL)
      OR (t.after_version IS NOT NULL) <> (t.outcome IN ('applied', 'merged'))
      OR NOT EXISTS (SELECT FROM saga g WHERE g.id = t.saga_id AND t.step BETWEEN 1 AND g.steps
        AND (t.state = 'applied') = (t.step <= g.applied))`,
  },
  {
    check: 'sagas',
    detail: 'is not the operation that was answered',
    sql: `SELECT ${stepPlace} FROM saga_step t JOIN saga g ON g.id = t.saga_id LEFT JOIN op_result r ON r.op_id = t.op_id
      -- What a retry sent came in no stream, what has no name of its own took no place in it, and what the device gave up
      -- was not answered: of the last two the dead letter tells (earlier versions kept a seq of them as well).
      WHERE t.seq IS NOT NULL
        AND NOT EXISTS (SELECT FROM dead_letter d WHERE d.id = t.dead_letter_id AND (d.source = 'device' OR d.seq IS NULL))
        AND CASE WHEN r.op_id IS NULL
        -- What is older than any device may be away is forgotten.
        THEN EXISTS (SELECT FROM op_result o WHERE o.device_id = g.device_id AND o.created_at <= t.at)
        ELSE (r.seq, r.created_at) IS DISTINCT FROM (t.seq, t.at)
          OR t."table" IS NOT NULL AND (r."table", r.record_id) IS DISTINCT FROM (t."table", t.record_id)
          OR (r.kind = 'accepted') <> (t.state = 'applied') END`,
  },
  {
    check: 'sagas',
    detail: 'was undone, and the log does not have what that wrote',
    sql: `SELECT ${stepPlace} FROM saga_step t WHERE t.undo IN ('restored', 'merged')
      AND ${isInLog('t.undone_at', 'coalesce(t.from_scope, t.scope)')} AND NOT EXISTS (SELECT FROM feed_change c
        WHERE ${ofStep} AND c.op_id = t.undo_op_id AND c.rule->>'strategy' = 'saga_compensation' AND c.effect <> 'NONE'
          AND c.after_version = t.undo_version AND c.committed_at = t.undone_at
          AND (c.outcome = 'merged') = (t.undo = 'merged'))`,
  },
  {
    check: 'sagas',
    detail: 'says that undoing it ended in a conflict that is not there, or is another',
    sql: `SELECT ${stepPlace} FROM saga_step t WHERE (t.undo = 'conflict' OR t.undo_conflict_id IS NOT NULL) AND NOT EXISTS (SELECT FROM conflict k
      WHERE k.id = t.undo_conflict_id
        -- Whoever takes its resolution back opens it again, and the saga has ended.
        AND (t.undo = 'conflict' OR k.state = 'resolved' OR EXISTS (SELECT FROM audit a
          WHERE a.target = 'conflict' AND a.target_id = k.id::text AND a.action = 'conflict.undo')) AND (k.op_id = t.undo_op_id OR t.undo_op_id = ANY (k.later_op_ids)))`,
  },
  {
    check: 'sagas',
    detail: 'names what its undoing does not have',
    sql: `SELECT ${stepPlace} FROM saga_step t
      WHERE t.undo NOT IN ('restored', 'merged', 'nothing', 'conflict', 'failed', 'settled')
      OR (t.undone_at IS NULL) <> (t.undo IS NULL)
      -- Those that were settled before it was kept name neither.
      OR CASE t.undo WHEN 'settled' THEN (t.undo_op_id IS NULL) <> (t.undo_conflict_id IS NULL)
        ELSE (t.undo_op_id IS NOT NULL) <> coalesce(t.undo IN ('restored', 'merged', 'conflict'), false)
          OR (t.undo_conflict_id IS NOT NULL) <> coalesce(t.undo = 'conflict', false) END
      OR (t.undo_version IS NOT NULL) <> coalesce(t.undo IN ('restored', 'merged'), false)
      OR (t.undo_detail IS NOT NULL) <> coalesce(t.undo = 'failed', false)`,
  },
  {
    check: 'sagas',
    detail: 'the log has a step of this saga that the saga does not have',
    sql: `SELECT g.id, (c.rule->'saga'->>'step')::int AS ordinal, c.scope, c."table", c.record_id
      FROM feed_change c JOIN saga g ON g.id = (c.rule->'saga'->>'id')::uuid
      WHERE c.rule ? 'saga' AND c.rule->>'strategy' <> 'saga_compensation' AND NOT EXISTS (SELECT FROM saga_step t
        WHERE t.saga_id = g.id AND ${ofStep} AND t.op_id = c.op_id)
        -- An attempt after the first one at a step that failed is in the log alone.
        AND c.effect <> 'NONE'`,
  },
  {
    check: 'sagas',
    detail: 'the log has its undoing, and the step does not say that it was undone so',
    sql: `SELECT ${stepPlace} FROM feed_change c JOIN saga_step t ON ${ofStep}
      WHERE c.rule->>'strategy' = 'saga_compensation'
        AND NOT coalesce(CASE WHEN c.effect = 'NONE' THEN t.undo IN ('conflict', 'settled')
          ELSE t.undo_op_id = c.op_id END, false)`,
  },
  {
    check: 'sagas',
    detail: 'the log names a saga that is not there',
    sql: `SELECT DISTINCT (c.rule->'saga'->>'id')::uuid AS id FROM feed_change c WHERE c.rule ? 'saga'
      AND c.committed_at > now() - interval '90 days'
      AND NOT EXISTS (SELECT FROM saga g WHERE g.id = (c.rule->'saga'->>'id')::uuid)`,
  },
]

/** Where sagas and their steps are not what log, answers, dead letters and audit say. */
export function findSagaFaults(ask: Ask): AsyncGenerator<Finding> {
  return broken(ask, rules)
}
