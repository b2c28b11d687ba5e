import type { Checkpoint } from './checkpoint.ts'

/** Runs one statement of a job, on a connection that may take its time. */
export type Ask = <Row extends object>(sql: string, values?: unknown[]) => Promise<Row[]>

export type DueScope = {
  scope: string
  minSeq: number
  /** The commit to compact up to; `minSeq` where there is nothing to compact. */
  target: number
  /** Whether everything below `minSeq` was swept away. */
  isSwept: boolean
}

/** Every scope with something to compact or to sweep; those whose checkpoint is younger than `minAgeHours` wait. */
export async function selectDueScopes(ask: Ask, minAgeHours: number): Promise<DueScope[]> {
  return ask<DueScope>(
    `SELECT scope, min_seq::float8 AS "minSeq", target::float8 AS target, is_swept AS "isSwept"
     FROM scopes_to_compact(make_interval(hours => $1)) WHERE target > min_seq OR NOT is_swept ORDER BY scope`,
    [minAgeHours],
  )
}

/** The scope's state at a commit, digested. */
export async function digestState(ask: Ask, scope: string, seq: number): Promise<Checkpoint> {
  const [row] = await ask<Pick<Checkpoint, 'chain' | 'state' | 'records'>>(
    `SELECT encode(c.chain, 'hex') AS chain, encode(f.digest, 'hex') AS state, f.records::float8 AS records
     FROM feed_commit c, feed_fold_digest($1, $2::bigint) f WHERE c.scope = $1 AND c.seq = $2::bigint`,
    [scope, seq],
  )
  if (!row) throw new Error(`scope ${scope} has no commit ${seq}`)
  return { scope, seq, ...row }
}

/** @returns false where another process was first */
export async function raiseMinSeq(
  ask: Ask,
  { scope, seq, chain, state, records }: Checkpoint,
  signature: Uint8Array,
): Promise<boolean> {
  const [row] = await ask<{ raised: boolean }>(
    `SELECT raise_min_seq($1, $2::bigint, decode($3, 'hex'), decode($4, 'hex'), $5::bigint, $6) AS raised`,
    [scope, seq, chain, state, records, signature],
  )
  return row?.raised ?? false
}

/** @returns how many commits it went over; 0 when it is done */
export async function sweepFeed(
  ask: Ask,
  scope: string,
  most: { commits: number; changes: number },
): Promise<number> {
  const [row] = await ask<{ commits: number }>(`SELECT sweep_feed($1, $2::int, $3::int) AS commits`, [
    scope,
    most.commits,
    most.changes,
  ])
  return row?.commits ?? 0
}

/** Forgets old first answers, as many as may go in one transaction. */
export async function pruneAnswers(ask: Ask, most: number): Promise<{ answers: number; streams: number }> {
  const [row] = await ask<{ answers: number; streams: number }>(
    `SELECT answers::float8, streams::float8 FROM prune_answers(answer_retention(), $1::int)`,
    [most],
  )
  return row!
}
