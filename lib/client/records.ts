import type { JsonObject } from '#lib/core/json.ts'
import { readRow, readRowsDocument, visibleData } from './rows.ts'
import { tablePrefix, type ConflictMark, type RecordKey, type StoredRecord } from './stored.ts'
import type { Unit } from './unit.ts'

export type SyncStatus = 'pending' | 'synced' | 'conflict'

/** A record as the app sees it: the device's own version while it has one, else the server's. */
export interface LocalRecord extends RecordKey {
  readonly data: JsonObject
  readonly syncStatus: SyncStatus
  /** The server's version this device knows; 0 for a record the server has not seen. */
  readonly serverVersion: number
  /** Counts this device's own edits of the record. */
  readonly localVersion: number
  readonly updatedAtMs: number
  /** The server's state, where it differs from what is shown; null where the server has none. */
  readonly serverData: JsonObject | null
  readonly conflict: ConflictMark | null
}

export async function getRecord(unit: Unit, key: RecordKey): Promise<LocalRecord | undefined> {
  const row = await readRow(unit, key)
  return row ? toLocalRecord(row) : undefined
}

/** A page of one table's live records, in order of id. */
export async function listRecords(
  unit: Unit,
  where: { scope: string; table: string; after?: string | undefined; limit?: number | undefined },
): Promise<readonly LocalRecord[]> {
  const { generation } = await readRowsDocument(unit)
  const prefix = tablePrefix(generation, where.scope, where.table)
  const limit = where.limit ?? Infinity
  const records: LocalRecord[] = []
  let after = where.after === undefined ? undefined : prefix + where.after
  for (;;) {
    const wanted = limit - records.length
    const scan = { prefix, ...(after === undefined ? {} : { after }) }
    const entries = await unit.scan('records', Number.isFinite(wanted) ? { ...scan, limit: wanted } : scan)
    for (const entry of entries) {
      const record = toLocalRecord(entry.value)
      if (record) records.push(record)
    }
    // Rows that are deleted here but not yet on the server are skipped, so a page may need another scan.
    after = entries.at(-1)?.key
    if (after === undefined || !Number.isFinite(limit) || records.length >= limit) return records
  }
}

export function toLocalRecord(row: StoredRecord): LocalRecord | undefined {
  const shown = visibleData(row)
  if (!shown?.data) return undefined
  const { scope, table, id, localVersion, updatedAtMs } = row
  return {
    scope,
    table,
    id,
    data: shown.data,
    syncStatus: row.conflicts.length > 0 ? 'conflict' : row.pending.length > 0 ? 'pending' : 'synced',
    serverVersion: row.server?.version ?? 0,
    localVersion,
    updatedAtMs,
    serverData: row.server?.data ?? null,
    conflict: row.conflicts.at(-1) ?? null,
  }
}
