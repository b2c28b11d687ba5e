import { queryPrepared, type Database } from '../db.ts'
import {
  maxPageBytes,
  type BucketDifferences,
  type FeedPage,
  type LeavePage,
  type Positions,
  type SnapshotPage,
} from './feed-page.ts'
import type { SyncStore } from './store.ts'

/** What devices read, from Postgres: prisma/migrations/20261122000250_pull and 20261122132100_pull_by_commit. */
export function feedStore(
  db: Database,
): Pick<
  SyncStore,
  | 'epoch'
  | 'bucketDifferences'
  | 'noteLostHistory'
  | 'feedPage'
  | 'leavePage'
  | 'feedPositions'
  | 'toldBy'
  | 'snapshotPage'
  | 'openConflicts'
  | 'clearResyncReason'
> {
  // It changes only when a history is replaced, with the process stopped.
  let epoch: string | null = null
  return {
    async epoch() {
      if (epoch !== null) return epoch
      const [row] = await db.$queryRaw<{ epoch: string }[]>`SELECT epoch FROM server_identity`
      if (!row) throw new Error('server_identity is empty: the migrations did not run')
      return (epoch = row.epoch)
    },

    async feedPage({ asked, maxChanges, ownBatch }) {
      const [head, ...parts] = await queryPrepared<Omit<FeedPage, 'changes'> & { changes: string | null }>(
        db,
        { name: 'pull_page', text: 'SELECT * FROM pull_page($1::jsonb, $2::int, $3::int, $4::uuid)' },
        [JSON.stringify(asked), maxChanges, maxPageBytes, ownBatch],
      )
      return {
        ...head!,
        changes: parts.flatMap(({ changes }) => changes ?? []),
        delivered: parts.reduce((sum, { delivered }) => sum + delivered, 0),
      }
    },

    leavePage: async ({ leaving, maxChanges }) =>
      db.$queryRaw<LeavePage[]>`
        SELECT * FROM leave_page(${JSON.stringify(leaving)}::jsonb, ${maxChanges}::int)`,

    async feedPositions(scopes) {
      const [row] = await db.$queryRaw<{ positions: Positions | null }[]>`
        SELECT feed_positions(${[...scopes]}) AS positions`
      return row?.positions ?? {}
    },

    async toldBy(versions) {
      const rows = await queryPrepared<{ told: boolean }>(db, { name: 'told_by', text: toldByText }, [
        JSON.stringify(versions),
      ])
      return rows.map(({ told }) => told)
    },

    async snapshotPage({ scope, pin, afterTable, afterId, maxItems }) {
      const [row] = await queryPrepared<SnapshotPage>(
        db,
        {
          name: 'snapshot_page',
          text: 'SELECT * FROM snapshot_page($1, $2::bigint, $3, $4::uuid, $5::int, $6::int)',
        },
        [scope, pin, afterTable, afterId, maxItems, maxPageBytes],
      )
      return row!
    },

    async bucketDifferences({ scope, pin, tables, buckets, maxRecords }) {
      const [row] = await queryPrepared<
        Omit<BucketDifferences, 'head' | 'min_seq'> & { head: string; min_seq: string }
      >(
        db,
        {
          name: 'compare_buckets',
          text: 'SELECT * FROM compare_buckets($1, $2::bigint, $3::text[], $4::jsonb, $5::int)',
        },
        [scope, pin, tables, JSON.stringify(buckets), maxRecords],
      )
      return { ...row!, head: Number(row!.head), min_seq: Number(row!.min_seq) }
    },

    async noteLostHistory(note) {
      const [row] = await db.$queryRaw<{ isNew: boolean }[]>`
        SELECT note_lost_history(${JSON.stringify(note)}::jsonb) AS "isNew"`
      return row?.isNew ?? false
    },

    async openConflicts(deviceId) {
      const rows = await db.$queryRaw<{ id: string }[]>`
        SELECT id FROM conflict WHERE device_id = ${deviceId}::uuid AND state = 'open' ORDER BY id`
      return rows.map(({ id }) => id)
    },

    async clearResyncReason(deviceId) {
      await db.$executeRaw`
        UPDATE device SET resync_reason = NULL WHERE id = ${deviceId}::uuid AND resync_reason IS NOT NULL`
    },
  }
}

// Prepared: nearly every batch that comes again asks, and planning it costs more than running it.
const toldByText = `
  SELECT coalesce(known.seq <= v.seq, false)
    OR (known.after_version IS DISTINCT FROM v.version AND v.seq >= coalesce(h.min_seq, 0)) AS told
  FROM ROWS FROM (jsonb_to_recordset($1::jsonb)
    AS (scope text, "table" text, id uuid, version int, seq bigint)) WITH ORDINALITY
    v(scope, "table", id, version, seq, n)
  LEFT JOIN feed_head h ON h.scope = v.scope
  LEFT JOIN LATERAL (
    SELECT k.seq, c.after_version FROM feed_change c
    JOIN feed_commit k ON k.batch = c.batch AND k.scope = c.scope AND k.committed_at = c.committed_at
    WHERE c.record_id = v.id AND c."table" = v."table" AND c.scope = v.scope
      AND c.after_version >= v.version AND c.effect <> 'NONE'
    ORDER BY c.after_version LIMIT 1) known ON true
  ORDER BY v.n`
