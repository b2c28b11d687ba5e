import { createHash } from 'node:crypto'
import type { CommitRequest, Committed } from '#lib/server/sync/store.ts'
import type { ModelDatabase, ModelHost } from './model-database.ts'
import { ModelError } from './model-error.ts'
import { keyOf, numbered, recordKey, type CommitRow } from './tables.ts'
import type { Transaction } from './transaction.ts'
import { closeResent, settleBatch } from './settle-batch.ts'

const moved = (what: string) => new ModelError('HF001', what)
const unique = (what: string) => new ModelError('23505', `duplicate key value: ${what}`)
const byKey = <T>(rows: readonly T[], keyOfRow: (row: T) => string): T[] =>
  rows.toSorted((a, b) => (keyOfRow(a) < keyOfRow(b) ? -1 : 1))

/** What push_commit of prisma/migrations/20261122190000_push_in_lists does, statement by statement. */
export function pushCommit(database: ModelDatabase, host: ModelHost, p: CommitRequest): Promise<Committed> {
  return database.transaction(host, async (tx) => {
    const nowMillis = host.now()
    const step = (name: string) => host.step({ name, commits: false })
    if (p.stream) {
      await step('lock stream')
      await lockStream(tx, p.stream)
    }
    await step('lock records')
    for (const { scope, table, id, version } of byKey(p.rests_on, (row) =>
      recordKey(row.scope, row.table, row.id),
    )) {
      const key = recordKey(scope, table, id)
      // A row that is not as asked is not locked either; one that changes while we wait is looked at again.
      if (tx.get('records', key)?.version !== version) throw moved('a record moved')
      await tx.lock('records', key)
      if (tx.get('records', key)?.version !== version) throw moved('a record moved')
    }
    await step('write records')
    await writeRecords(tx, p)
    if (p.stream) {
      await step('write results')
      await writeResults(tx, p, p.stream, nowMillis)
    }
    await step('settle')
    await settleBatch(tx, p, nowMillis)
    await step('publish')
    const heads = await publish(database, tx, p, nowMillis)
    if (p.resent) {
      await step('close what came again')
      await closeResent(tx, p.resent)
    }
    return { heads, committed_at: new Date(nowMillis).toISOString(), write_ms: 0 }
  })
}

type Stream = NonNullable<CommitRequest['stream']>

async function lockStream(tx: Transaction, { device, incarnation, revision }: Stream): Promise<void> {
  const key = keyOf(device, incarnation)
  await tx.insert('streams', key, {
    ...{ device, incarnation, last_seq: 0, revision: 0, last_hlc: '', pruned_seq: 0 },
    pruned_until_ms: null,
  })
  await tx.lock('streams', key)
  if (tx.get('streams', key)?.revision !== revision) throw moved('the device stream moved')
}

async function writeRecords(tx: Transaction, p: CommitRequest): Promise<void> {
  const rowOf = (change: CommitRequest['changes'][number]) => ({
    ...{ scope: change.scope, table: change.table, id: change.record_id, version: change.after_version },
    ...{ data: change.data, checksum: change.checksum, hlc: change.hlc, vector: change.vector },
    ...{ device_id: change.device_id, deleted: change.data === null, last_op_id: change.op_id },
  })
  const keyed = p.changes.map((change) => ({
    change,
    key: recordKey(change.scope, change.table, change.record_id),
  }))
  let created = 0
  for (const { change, key } of byKey(keyed, (row) => row.key)) {
    if (change.final === 'insert' && (await tx.insert('records', key, rowOf(change)))) created++
  }
  for (const { change, key } of keyed) {
    if (change.final === 'update') await tx.put('records', key, rowOf(change))
  }
  for (const { final: _final, size_bytes: _size, ...change } of p.changes) {
    tx.append(
      'changes',
      { ...change, batch: p.batch },
      keyOf(change.scope, p.batch, numbered(change.ordinal)),
    )
  }
  if (created !== p.inserts) throw moved('a record appeared')
}

async function writeResults(
  tx: Transaction,
  p: CommitRequest,
  stream: Stream,
  nowMillis: number,
): Promise<void> {
  const { device, incarnation, last_seq } = stream
  for (const result of p.results) {
    const place = keyOf(device, incarnation, result.seq)
    if (!(await tx.insert('places', place, { op_id: result.op_id }))) throw unique('op_result_pkey')
    const row = { ...result, device_id: device, incarnation, created_ms: nowMillis }
    if (!(await tx.insert('results', result.op_id, row))) throw unique('op_result_op_id_key')
  }
  for (const seq of p.holes.close) await tx.delete('holes', keyOf(device, incarnation, seq))
  for (const hole of p.holes.open) {
    await tx.put('holes', keyOf(device, incarnation, hole.seq), { ...hole, device, incarnation })
  }
  const key = keyOf(device, incarnation)
  const known = tx.get('streams', key)!
  const last_hlc = stream.last_hlc > known.last_hlc ? stream.last_hlc : known.last_hlc
  await tx.put('streams', key, { ...known, last_seq, last_hlc, revision: known.revision + 1 })
}

/** Gives the batch its place in each of its scopes, while the heads of all are held. */
async function publish(
  database: ModelDatabase,
  tx: Transaction,
  p: CommitRequest,
  nowMillis: number,
): Promise<Committed['heads']> {
  if (p.commits.length === 0) return {}
  const commits = byKey(p.commits, ({ scope }) => scope)
  for (const { scope } of commits) {
    const chain = createHash('sha256').update(`holdfast feed ${scope}`).digest('hex')
    await tx.insert('heads', scope, { scope, seq: 0, min_seq: 0, chain })
  }
  const position = database.nextPosition()
  const heads: Committed['heads'] = {}
  for (const { scope, changes, size_bytes, digest } of commits) {
    const head = tx.get('heads', scope)!
    const seq = head.seq + 1
    const chain = feedLink(head.chain, digest, position, nowMillis)
    await tx.put('heads', scope, { ...head, seq, chain })
    const commit: CommitRow = {
      ...{ scope, seq, position, changes, size_bytes, digest, chain, batch: p.batch },
      ...{ committed_at: new Date(nowMillis).toISOString(), trace_id: p.trace_id },
      ...{ actor_kind: p.actor_kind, actor_id: p.actor_id },
    }
    tx.append('commits', commit, keyOf(scope, numbered(seq)))
    heads[scope] = { seq, chain }
  }
  return heads
}

/** Postgres sends a timestamp as microseconds since 2000. */
const postgresEpochMillis = Date.UTC(2000, 0, 1)

/** The chain after a commit, as feed_link of the migration computes it. */
export function feedLink(chain: string, digest: string, position: number, committedMillis: number): string {
  const tail = Buffer.alloc(16)
  tail.writeBigInt64BE(BigInt(position), 0)
  tail.writeBigInt64BE(BigInt(Math.trunc(committedMillis) - postgresEpochMillis) * 1_000n, 8)
  const hash = createHash('sha256')
  hash.update(Buffer.from(chain, 'hex')).update(Buffer.from(digest, 'hex')).update(tail)
  return hash.digest('hex')
}
