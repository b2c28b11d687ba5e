import { queryPrepared, type Database } from '../db.ts'

/** Where the server stands in a scope that a token names. `chain` is null where there is no commit at that seq. */
export type Standing = { scope: string; seq: number; head: number; min_seq: number; chain: string | null }

export type Positions = { [scope: string]: { seq: number; chain: string } }

export type FeedPage = {
  standing: Standing[] | null
  /** How far the page reaches, in the scopes it has something of. */
  positions: Positions | null
  /** Server changes as JSON text, comma-separated. */
  changes: string
  delivered: number
  has_more: boolean
}

/** Pages are cut here, so that a few large records do not make a reply that no device can hold. */
const maxPageBytes = 8 * 1024 * 1024

export async function readFeedPage(
  db: Database,
  page: { asked: { scope: string; seq: number }[]; maxChanges: number; ownBatch: string | null },
): Promise<FeedPage> {
  const [row] = await queryPrepared<FeedPage>(
    db,
    { name: 'pull_page', text: 'SELECT * FROM pull_page($1::jsonb, $2::int, $3::int, $4::uuid)' },
    [JSON.stringify(page.asked), page.maxChanges, maxPageBytes, page.ownBatch],
  )
  return row!
}

export type LeavePage = {
  scope: string
  changes: string
  delivered: number
  last_table: string | null
  last_id: string | null
}

export function readLeavePage(
  db: Database,
  page: { leaving: { scope: string; seq: number; table: string; id: string }[]; maxChanges: number },
): Promise<LeavePage[]> {
  return db.$queryRaw<LeavePage[]>`
    SELECT * FROM leave_page(${JSON.stringify(page.leaving)}::jsonb, ${page.maxChanges}::int)`
}

export async function readFeedPositions(db: Database, scopes: readonly string[]): Promise<Positions> {
  const [row] = await db.$queryRaw<{ positions: Positions | null }[]>`
    SELECT feed_positions(${[...scopes]}) AS positions`
  return row?.positions ?? {}
}

export type SnapshotPage = {
  /** Snapshot items as JSON text, comma-separated. */
  items: string
  delivered: number
  last_table: string | null
  last_id: string | null
  has_more: boolean
}

export async function readSnapshotPage(
  db: Database,
  page: { scope: string; pin: number; afterTable: string; afterId: string; maxItems: number },
): Promise<SnapshotPage> {
  const [row] = await queryPrepared<SnapshotPage>(
    db,
    {
      name: 'snapshot_page',
      text: 'SELECT * FROM snapshot_page($1, $2::bigint, $3, $4::uuid, $5::int, $6::int)',
    },
    [page.scope, page.pin, page.afterTable, page.afterId, page.maxItems, maxPageBytes],
  )
  return row!
}

const holder = globalThis as { holdfastEpochs?: WeakMap<object, string> }

/** The identity of this server's history. It changes only when a history is replaced, with the process stopped. */
export async function readEpoch(db: Database): Promise<string> {
  const epochs = (holder.holdfastEpochs ??= new WeakMap())
  const known = epochs.get(db)
  if (known) return known
  const [row] = await db.$queryRaw<{ epoch: string }[]>`SELECT epoch FROM server_identity`
  if (!row) throw new Error('server_identity is empty: the migrations did not run')
  epochs.set(db, row.epoch)
  return row.epoch
}

/** An admin's request for a full sync is served by the snapshot that begins now. */
export async function clearResyncReason(db: Database, deviceId: string): Promise<void> {
  await db.$executeRaw`UPDATE device SET resync_reason = NULL WHERE id = ${deviceId}::uuid AND resync_reason IS NOT NULL`
}
