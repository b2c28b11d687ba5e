import { recordChecksum } from '#lib/protocol/checksum.ts'
import type { Kernel } from './kernel.ts'
import { dequeue } from './queue.ts'
import { rehome } from './rehome.ts'
import type { ReadServerChange } from './replies.ts'
import { setAside } from './review.ts'
import { emptyRow, newerState, readPending, readRow, readRowsDocument, settled, writeRow } from './rows.ts'
import type { Stamps } from './stamps.ts'
import { recordKey, type RecordKey, type StoredRecord } from './stored.ts'
import type { Unit } from './unit.ts'

/**
 * Takes one change of the feed into the unit. A record with edits of this device's own keeps
 * showing them; the server's state is remembered beneath.
 */
export async function applyServerChange(
  kernel: Kernel,
  unit: Unit,
  stamps: Stamps,
  change: ReadServerChange,
  /** For a LEAVE: the scope of this device's that the record went to. */
  toScope: string | null = null,
): Promise<RecordKey> {
  const nowMs = kernel.clock.nowMs()
  const key = { scope: change.scope, table: change.table, id: change.record_id }
  if (change.hlc) stamps.observe(change.hlc)
  const row = (await readRow(unit, key)) ?? emptyRow(key)
  if (change.operation === 'LEAVE') {
    // It left, and came back by an answer that overtook this news.
    if ((row.server?.version ?? 0) > change.version) return key
    if (toScope !== null && (row.pending.length > 0 || row.conflicts.length > 0))
      await rehome(unit, row, toScope)
    else await leave(unit, row, nowMs)
    return key
  }
  const data = change.operation === 'DELETE' ? null : change.data
  const { version, hlc = null } = change
  const checksum = change.checksum ?? recordChecksum(data, kernel.sha256Hex)
  const state = { version, data, hlc, checksum }
  // The settlement of a conflict names it; until then the device keeps its own version in view.
  const conflicts =
    change.conflict_id == null
      ? row.conflicts
      : row.conflicts.filter((mark) => mark.conflictId !== change.conflict_id)
  await writeRow(
    unit,
    settled({ ...row, server: newerState(row.server, state), conflicts, updatedAtMs: nowMs }),
  )
  return key
}

/**
 * The record left the device's scopes: the row goes. Edits that were never sent are kept for
 * somebody to look at; those under way are still sent, since the server counts on their seqs.
 */
async function leave(unit: Unit, row: StoredRecord, nowMs: number): Promise<void> {
  const aside = { reason: 'left_scope', serverData: row.server?.data ?? null, atMs: nowMs } as const
  for (const operation of await readPending(unit, row)) {
    if (operation.seq !== null) continue
    await dequeue(unit, operation)
    setAside(unit, operation, aside)
  }
  for (const mark of row.conflicts) {
    // A conflict that a person will settle is kept by the server; one that was merely refused, by nobody else.
    if (mark.code === 'manual') continue
    setAside(unit, { ...mark.edit, data: mark.mine, opId: mark.opId }, aside)
  }
  const { generation } = await readRowsDocument(unit)
  unit.delete('records', recordKey(generation, row))
}
