import type { JsonObject } from '#lib/core/json.ts'
import type { LostValue } from '#lib/core/merge.ts'
import type { Vector } from '#lib/core/vector.ts'
import type { FeedChangeRow } from '../sync/store.ts'

/** Runs one statement, on the one connection and view of the database that a whole verification has. */
export type Ask = <Row extends object>(sql: string, values?: unknown[]) => Promise<Row[]>

export type ScopeHead = {
  scope: string
  seq: number | null
  min_seq: number
  chain: Buffer
  checkpoint: {
    seq: number
    chain: string
    state: string
    records: number
    signature: string
    swept_seq: number
  } | null
}

/** Every scope that has a head, a commit, a record or a checkpoint: whatever of it was lost. */
export function selectScopes(ask: Ask, only: string | null): Promise<ScopeHead[]> {
  return ask<ScopeHead>(
    `SELECT s.scope, h.seq::float8 AS seq, coalesce(h.min_seq, 0)::float8 AS min_seq, h.chain,
       CASE WHEN k.scope IS NOT NULL THEN json_build_object('seq', k.seq, 'chain', encode(k.chain, 'hex'),
         'state', encode(k.state_digest, 'hex'), 'records', k.records, 'signature', encode(k.signature, 'hex'),
         'swept_seq', k.swept_seq) END AS checkpoint
     FROM (SELECT scope FROM feed_head UNION SELECT scope FROM feed_checkpoint UNION SELECT DISTINCT scope FROM feed_commit
       UNION SELECT DISTINCT scope FROM record) s
     LEFT JOIN feed_head h ON h.scope = s.scope LEFT JOIN feed_checkpoint k ON k.scope = s.scope
     WHERE $1::text IS NULL OR s.scope = $1 ORDER BY s.scope`,
    [only],
  )
}

export type StoredCommit = {
  seq: number
  committed_at: Date
  batch: string
  position: string
  changes: number
  size_bytes: number
  digest: Buffer
  chain: Buffer
  actor_kind: string
  actor_id: string
  trace_id: string | null
}

const pageCommits = 500
const pageBytes = 16 * 1024 * 1024

/** The next commits of a scope, as many as fit into memory. */
export function selectCommits(ask: Ask, scope: string, after: number): Promise<StoredCommit[]> {
  return ask<StoredCommit>(
    `SELECT seq::float8 AS seq, committed_at, batch, position::text AS position, changes, size_bytes, digest, chain,
       actor_kind, actor_id, trace_id
     FROM (SELECT *, sum(greatest(size_bytes, 0)::bigint) OVER (ORDER BY seq) - greatest(size_bytes, 0) AS before
       FROM (SELECT * FROM feed_commit WHERE scope = $1 AND seq > $2::bigint ORDER BY seq LIMIT ${pageCommits}) c) c
     WHERE before < ${pageBytes} ORDER BY seq`,
    [scope, after],
  )
}

export type StoredChange = Omit<
  FeedChangeRow,
  'final' | 'size_bytes' | 'scope' | 'data' | 'vector' | 'rule' | 'lost'
> & {
  batch: string
  committed_at: Date
  /** As text, so that what cannot be read is a finding and no failure. */
  data: string | null
  vector: Vector
  rule: JsonObject
  lost: LostValue[] | null
}

const changeColumns = `ch.batch, ch.committed_at, ch.ordinal, ch."table", ch.record_id, ch.operation, ch.effect, ch.op_id,
  ch.seq::float8 AS seq, ch.outcome, ch.before_version, ch.after_version, ch.data::text AS data, ch.checksum, ch.hlc,
  ch.vector, ch.rule, ch.lost, ch.conflict_id, ch.dead_letter_id, ch.device_id`

/** The changes of these commits, in order. */
export function selectChanges(
  ask: Ask,
  scope: string,
  commits: readonly StoredCommit[],
): Promise<StoredChange[]> {
  return ask<StoredChange>(
    `SELECT ${changeColumns}
     FROM unnest($2::uuid[], $3::timestamptz[]) k(batch, at)
     JOIN feed_change ch ON ch.scope = $1 AND ch.batch = k.batch AND ch.committed_at = k.at
     ORDER BY ch.batch, ch.ordinal`,
    [scope, commits.map(({ batch }) => batch), commits.map(({ committed_at }) => committed_at)],
  )
}

/** Rows of a statement that may have any number, a thousand at a time. */
async function* stream<Row extends object>(ask: Ask, sql: string, values: unknown[]): AsyncGenerator<Row[]> {
  await ask(`DECLARE verification NO SCROLL CURSOR FOR ${sql}`, values)
  try {
    for (;;) {
      const rows = await ask<Row>('FETCH 1000 FROM verification')
      if (rows.length === 0) break
      yield rows
    }
  } finally {
    await ask('CLOSE verification')
  }
}

/** Live states at a checkpoint: what is left of the log below it. */
export function streamFolded(ask: Ask, scope: string, seq: number) {
  const sql = `SELECT "table", record_id, data::text AS data, checksum FROM feed_fold($1, $2::bigint) WHERE effect = 'UPSERT'`
  return stream<{ table: string; record_id: string; data: string; checksum: string }>(ask, sql, [scope, seq])
}

export async function selectFoldDigest(ask: Ask, scope: string, seq: number) {
  const [row] = await ask<{ state: string; records: number }>(
    `SELECT encode(digest, 'hex') AS state, records::float8 AS records FROM feed_fold_digest($1, $2::bigint)`,
    [scope, seq],
  )
  return row!
}

export type Place = {
  scope?: string
  table?: string
  record_id?: string
  seq?: number
  ordinal?: number
  id?: string
}

/** Changes whose commit is not there. */
export function selectOrphans(ask: Ask, only: string | null): Promise<(Place & { batch: string })[]> {
  return ask(
    `SELECT ch.scope, ch."table", ch.record_id, ch.ordinal, ch.batch FROM feed_change ch
     WHERE ($1::text IS NULL OR ch.scope = $1) AND NOT EXISTS (SELECT FROM feed_commit c
       WHERE c.batch = ch.batch AND c.scope = ch.scope AND c.committed_at = ch.committed_at)
     ORDER BY 1, 5, 4 LIMIT 1000`,
    [only],
  )
}

/** Changes that do not go on from the version before them, from a scope's checkpoint on. */
export function selectBrokenVersions(
  ask: Ask,
  scope: string,
  from: number,
): Promise<(Place & { before: number; version: number; previous: number })[]> {
  return ask(
    `WITH written AS (
       SELECT $2::bigint AS seq, f.ordinal, f."table", f.record_id, f.before_version, f.after_version, f.batch,
         true AS is_seed
       FROM feed_fold($1, $2::bigint) f WHERE $2::bigint > 0
       UNION ALL
       SELECT c.seq, ch.ordinal, ch."table", ch.record_id, ch.before_version, ch.after_version, ch.batch, false
       FROM feed_commit c
       JOIN feed_change ch ON ch.scope = c.scope AND ch.batch = c.batch AND ch.committed_at = c.committed_at
       WHERE c.scope = $1 AND c.seq > $2::bigint AND ch.effect <> 'NONE'
     ), chained AS (
       SELECT w.*, coalesce(lag(w.after_version) OVER (PARTITION BY w."table", w.record_id ORDER BY w.seq, w.ordinal), 0) AS previous
       FROM written w
     )
     SELECT $1 AS scope, d."table", d.record_id, d.seq::float8 AS seq, d.ordinal, d.before_version AS before,
       d.after_version AS version, d.previous
     FROM chained d
     WHERE NOT d.is_seed AND (d.after_version <= d.previous OR d.after_version <= d.before_version
       -- A record that comes from another scope goes on from its version there, which may have been compacted away.
       OR d.before_version <> d.previous AND NOT EXISTS (SELECT FROM feed_checkpoint k WHERE k.scope <> $1)
         AND NOT EXISTS (SELECT FROM feed_change o WHERE o.record_id = d.record_id
         AND o."table" = d."table" AND o.batch = d.batch AND o.effect = 'LEAVE' AND o.scope <> $1))
     ORDER BY d.seq, d.ordinal LIMIT 1000`,
    [scope, from],
  )
}

/** Batches whose parts in several scopes do not share one position, and positions that two batches share. */
export function selectBrokenPositions(ask: Ask): Promise<{ batch: string; scope: string; seq: number }[]> {
  return ask(
    `SELECT c.batch, min(c.scope) AS scope, min(c.seq)::float8 AS seq FROM feed_commit c GROUP BY c.batch
       HAVING count(DISTINCT c.position) > 1
     UNION ALL
     SELECT min(c.batch::text)::uuid, min(c.scope), min(c.seq)::float8 FROM feed_commit c GROUP BY c.position
       HAVING count(DISTINCT c.batch) > 1
     LIMIT 1000`,
  )
}

export type Difference = Required<Pick<Place, 'table' | 'record_id'>> & {
  fields: string[]
  seq: number | null
  ordinal: number | null
}

/** Where a scope's records are not what its log says. */
export function streamDifferences(ask: Ask, scope: string) {
  const sql = 'SELECT "table", record_id, fields, seq::float8 AS seq, ordinal FROM record_differences($1)'
  return stream<Difference>(ask, sql, [scope])
}

/** @returns how many rows were replaced */
export async function rebuildRecords(
  ask: Ask,
  scope: string,
  keys: { table: string; id: string }[],
  run: string,
): Promise<number> {
  const [row] = await ask<{ replaced: number }>(
    `SELECT rebuild_records($1, $2::jsonb, $3::uuid) AS replaced`,
    [scope, JSON.stringify(keys), run],
  )
  return row?.replaced ?? 0
}

export type StoredAnswer = {
  device_id: string
  incarnation: string
  seq: number
  op_id: string
  kind: string
  answer: string
  record_id: string | null
  version: number | null
}

/** Answers in the order of their key. */
export function selectAnswers(
  ask: Ask,
  after: { device: string; incarnation: string; seq: number },
): Promise<StoredAnswer[]> {
  return ask<StoredAnswer>(
    `SELECT device_id, incarnation, seq::float8 AS seq, op_id, kind, answer, record_id, version FROM op_result
     WHERE (device_id, incarnation, seq) > ($1::uuid, $2::uuid, $3::bigint)
     ORDER BY device_id, incarnation, seq LIMIT 2000`,
    [after.device, after.incarnation, after.seq],
  )
}

/** Which of these conflicts, or dead letters, are not there. */
export async function missingOf(
  ask: Ask,
  table: 'conflict' | 'dead_letter',
  ids: readonly string[],
): Promise<Set<string>> {
  const rows = await ask<{ id: string }>(
    `SELECT k.id FROM unnest($1::uuid[]) k(id) WHERE NOT EXISTS (SELECT FROM ${table} t WHERE t.id = k.id)`,
    [ids],
  )
  return new Set(rows.map(({ id }) => id))
}

export type AuditLink = { id: string; chain: Buffer; digest: Buffer }

export function selectAuditLinks(ask: Ask, after: string): Promise<AuditLink[]> {
  return ask<AuditLink>(
    `SELECT id::text AS id, chain, audit_digest(audit) AS digest FROM audit WHERE id > $1::bigint ORDER BY audit.id, at LIMIT 2000`,
    [after],
  )
}

export async function selectAuditHead(ask: Ask): Promise<{ last_id: string; chain: Buffer } | null> {
  const [row] = await ask<{ last_id: string; chain: Buffer }>(
    `SELECT last_id::text AS last_id, chain FROM audit_head WHERE id = 1`,
  )
  return row ?? null
}
