import { madeAtMs } from '#lib/core/stream.ts'
import type { ModelDatabase, ModelHost } from './model-database.ts'
import { keyOf, numbered, recordKey, type ChangeRow, type Rows, type Tables } from './tables.ts'
import type { Transaction } from './transaction.ts'

// What prisma/migrations/20261122000700_retention does to the log and to the answers that are old.

/** The last commit of a scope before which everything was written before `beforeMs`; 0 where there is none. */
export function lastExpiredSeq(tables: Tables, scope: string, beforeMs: number): number {
  const young = tables.feed(scope).find(({ committed_at }) => Date.parse(committed_at) >= beforeMs)
  return young ? young.seq - 1 : (tables.get('heads', scope)?.seq ?? 0)
}

/** raise_min_seq: no token below it is served from then on. @returns whether it rose */
export function raiseMinSeq(
  database: ModelDatabase,
  host: ModelHost,
  { scope, seq }: { scope: string; seq: number },
): Promise<boolean> {
  return database.transaction(host, async (tx) => {
    await host.step({ name: 'raise min_seq', commits: false })
    await tx.lock('heads', scope)
    const head = tx.get('heads', scope)
    if (!head || seq <= head.min_seq) return false
    const known = tx.get('checkpoints', scope)
    await tx.put('checkpoints', scope, { scope, seq, swept_seq: known?.swept_seq ?? 0 })
    await tx.put('heads', scope, { ...head, min_seq: seq })
    return true
  })
}

/** sweep_feed: deletes what is superseded at or below the checkpoint. @returns how many commits it went over */
export function sweepFeed(
  database: ModelDatabase,
  host: ModelHost,
  { scope, maxCommits }: { scope: string; maxCommits: number },
): Promise<number> {
  return database.transaction(host, async (tx) => {
    await host.step({ name: 'sweep feed', commits: false })
    await tx.lock('checkpoints', scope)
    const mark = tx.get('checkpoints', scope)
    if (!mark || mark.swept_seq >= mark.seq) return 0
    const { tables } = database
    const due = tables
      .feed(scope)
      .filter(({ seq }) => seq > mark.swept_seq && seq <= mark.seq)
      .slice(0, maxCommits)
    const last = due.at(-1)
    const changes = due.flatMap((commit) => tables.changesOf(commit))
    const newest = new Map<string, ChangeRow>()
    for (const change of changes) {
      const key = recordKey(scope, change.table, change.record_id)
      const known = newest.get(key)
      if (change.effect !== 'NONE' && (known?.after_version ?? -1) < change.after_version)
        newest.set(key, change)
    }
    const isSuperseded = (change: ChangeRow) => {
      const by = newest.get(recordKey(scope, change.table, change.record_id))
      return change.effect !== 'NONE' && by !== undefined && change.after_version < by.after_version
    }
    const silent = changes.filter(({ effect }) => effect === 'NONE')
    const superseded = [...tables.rows.changes.values()].filter(
      (change) => change.scope === scope && isSuperseded(change),
    )
    const gone = new Set([...silent, ...superseded])
    for (const change of gone) await tx.delete('changes', changeKey(change))
    const isEmptied = ({ seq, batch }: Rows['commits']) =>
      seq < mark.seq &&
      ([...gone].some((change) => change.batch === batch) || seq === mark.swept_seq) &&
      tables.changesOf({ scope, batch }).every((change) => gone.has(change))
    for (const commit of tables.feed(scope).filter(isEmptied)) {
      await tx.delete('commits', keyOf(scope, numbered(commit.seq)))
    }
    await thin(tx, newest)
    await tx.put('checkpoints', scope, { ...mark, swept_seq: last?.seq ?? mark.seq })
    return due.length
  })
}

/** Deleted records become thin: id, version and clock. */
async function thin(tx: Transaction, newest: ReadonlyMap<string, ChangeRow>): Promise<void> {
  for (const [key, { effect, after_version }] of newest) {
    const record = tx.get('records', key)
    if (effect === 'UPSERT' || !record?.deleted || record.version !== after_version) continue
    if (Object.keys(record.vector).length === 0) continue
    await tx.lock('records', key)
    const now = tx.get('records', key)
    if (!now?.deleted || now.version !== after_version) continue
    await tx.put('records', key, { ...now, vector: {}, last_op_id: null, device_id: null })
  }
}

const changeKey = ({ scope, batch, ordinal }: ChangeRow) => keyOf(scope, batch, numbered(ordinal))

/** By when it was given and, by its id, made. */
const oldUntilMs = ({ created_ms, op_id }: Rows['results']) => Math.max(created_ms, madeAtMs(op_id) ?? 0)

/** prune_answers: the oldest answers of each stream, as far as all are of before `beforeMs`. @returns how many went */
export function pruneAnswers(
  database: ModelDatabase,
  host: ModelHost,
  { beforeMs, most }: { beforeMs: number; most: number },
): Promise<number> {
  return database.transaction(host, async (tx) => {
    await host.step({ name: 'prune answers', commits: false })
    let answers = 0
    const streams = [...database.tables.rows.streams].toSorted(([a], [b]) => (a < b ? -1 : 1))
    for (const [key, { device, incarnation }] of streams) {
      if (answers >= most) break
      const own = () =>
        database.tables
          .all('results')
          .filter((result) => result.device_id === device && result.incarnation === incarnation)
          .toSorted((a, b) => a.seq - b.seq)
      const [first] = own()
      if (!first || oldUntilMs(first) >= beforeMs) continue
      await tx.lock('streams', key)
      const oldest = own().slice(0, most - answers)
      const young = oldest.findIndex((result) => oldUntilMs(result) >= beforeMs)
      const gone = young < 0 ? oldest : oldest.slice(0, young)
      const stream = tx.get('streams', key)
      if (gone.length === 0 || !stream) continue
      for (const { op_id, seq } of gone) {
        await tx.delete('results', op_id)
        await tx.delete('places', keyOf(device, incarnation, seq))
      }
      await tx.put('streams', key, {
        ...stream,
        pruned_seq: Math.max(stream.pruned_seq, ...gone.map(({ seq }) => seq)),
        pruned_until_ms: Math.max(stream.pruned_until_ms ?? 0, ...gone.map(oldUntilMs)),
      })
      answers += gone.length
    }
    return answers
  })
}
