import {
  generationPrefix,
  recordKey,
  type MetaDocuments,
  type ServerState,
  type StoredRecord,
} from './stored.ts'
import type { Kernel } from './kernel.ts'
import { transact } from './kernel.ts'
import type { ReadSnapshotReply } from './replies.ts'
import { doubt } from './journal.ts'
import { revise } from './queue.ts'
import { emptyRow, readPending, readRowsDocument, settled, writeRow } from './rows.ts'
import { stillOpen } from './server-changes.ts'
import type { Stamps } from './stamps.ts'
import type { Unit } from './unit.ts'

/** Rows of a finished full sync that are deleted in one go; more would hold the lock for too long. */
const PURGE_ROWS = 500

/**
 * Begins a full sync; one under way goes on, unless it has to begin `anew`. Pages are gathered beside the rows the app
 * sees, as the next generation, so that a sync broken off at any point shows the old rows, whole.
 * @returns false where one goes on
 */
export async function beginSnapshot(
  unit: Unit,
  reason: string,
  { anew = false }: { anew?: boolean } = {},
): Promise<boolean> {
  const rows = await readRowsDocument(unit)
  if (rows.snapshot && !anew) return false
  const abandoned = rows.snapshot ? [rows.snapshot.generation] : []
  const generation = (rows.snapshot?.generation ?? rows.generation) + 1
  unit.putMeta('rows', {
    ...rows,
    snapshot: { generation, cursor: null, reason },
    garbage: [...rows.garbage, ...abandoned],
  })
  return true
}

/**
 * Takes a page into the next generation; with the last one, puts that generation in force.
 * @returns true once the full sync is over
 */
export async function applySnapshotPage(
  unit: Unit,
  stamps: Stamps,
  page: ReadSnapshotReply,
  nowMs: number,
): Promise<boolean> {
  const rows = await readRowsDocument(unit)
  if (!rows.snapshot) throw new Error('a snapshot page arrived and no snapshot is under way')
  const { generation } = rows.snapshot
  for (const { scope, table, record_id, version, data, hlc, checksum } of page.items) {
    if (hlc) stamps.observe(hlc)
    const row = emptyRow({ scope, table, id: record_id })
    const server = { version, data, hlc: hlc ?? null, checksum }
    unit.put('records', recordKey(generation, row), { ...row, server, updatedAtMs: nowMs })
  }
  if (page.next_cursor !== null) {
    unit.putMeta('rows', { ...rows, snapshot: { ...rows.snapshot, cursor: page.next_cursor } })
    return false
  }
  await carryOver(unit, rows, generation, page.open_conflicts)
  unit.putMeta('rows', { generation, snapshot: null, garbage: [...rows.garbage, rows.generation] })
  const feed = await unit.meta('feed', { token: null, epoch: null, lastSyncAtMs: null })
  unit.putMeta('feed', { ...feed, token: page.sync_token ?? null, epoch: page.epoch ?? feed.epoch })
  // The server may have been put back since this device asked it what it knows, and its rows and token not show that.
  await doubt(unit)
  return true
}

/** What this device has to say about its records outlives the rows it was said about. */
async function carryOver(
  unit: Unit,
  rows: MetaDocuments['rows'],
  generation: number,
  open: readonly string[] | undefined,
): Promise<void> {
  const own = await unit.scan('records', { prefix: generationPrefix(rows.generation) })
  for (const { value: old } of own) {
    const isSilent = old.pending.length === 0 && old.conflicts.length === 0 && old.localVersion === 0
    if (isSilent && old.movedTo == null) continue
    const fresh = await unit.get('records', recordKey(generation, old))
    const carried: StoredRecord = {
      ...old,
      isBuried: false,
      // The settlement of a conflict is told by the feed alone, and the feed before this is never read.
      conflicts: stillOpen(old.conflicts, open),
      // Nothing is pushed between the pages, so they are the newest there is; and a restored server's
      // versions begin again below those that it lost.
      server: fresh?.server ?? null,
    }
    await writeRow(unit, settled(carried), generation)
    if (fresh?.server) await standOn(unit, carried, fresh.server)
  }
}

/**
 * An edit not sent yet that was made on just this state, under another version: on a server that was
 * restored the number is another now.
 */
async function standOn(unit: Unit, row: StoredRecord, server: ServerState): Promise<void> {
  for (const operation of await readPending(unit, row)) {
    const isSameState = operation.baseChecksum === server.checksum && operation.operation !== 'CREATE'
    if (operation.wasSent || operation.baseOpId !== null || !isSameState) continue
    await revise(unit, operation, { ...operation, baseVersion: server.version })
  }
}

/**
 * Gives a full sync up that this device has no room for, and makes the room free again. What the
 * app sees is what it was, and edits go on being pushed.
 */
export async function abandonSnapshot(kernel: Kernel): Promise<void> {
  await transact(kernel, async (unit) => {
    const rows = await readRowsDocument(unit)
    if (!rows.snapshot) return
    unit.putMeta('rows', { ...rows, snapshot: null, garbage: [...rows.garbage, rows.snapshot.generation] })
  })
  await purgeGarbage(kernel)
}

/** Deletes rows of generations that are no longer in force. Cheap when there are none. */
export async function purgeGarbage(kernel: Kernel): Promise<void> {
  for (;;) {
    const isDone = await transact(kernel, async (unit) => {
      const rows = await readRowsDocument(unit)
      const [oldest, ...rest] = rows.garbage
      if (oldest === undefined) return true
      const entries = await unit.scan('records', { prefix: generationPrefix(oldest), limit: PURGE_ROWS })
      for (const entry of entries) unit.delete('records', entry.key)
      if (entries.length < PURGE_ROWS) unit.putMeta('rows', { ...rows, garbage: rest })
      return false
    })
    if (isDone) return
  }
}
