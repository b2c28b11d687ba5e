import { dequeue, readOperations } from './queue.ts'
import {
  recordKey,
  type MetaDocuments,
  type PendingOperation,
  type RecordKey,
  type ServerState,
  type StoredRecord,
} from './stored.ts'
import type { Unit } from './unit.ts'

const FIRST_GENERATION: MetaDocuments['rows'] = { generation: 1, snapshot: null, garbage: [] }

export async function readRowsDocument(unit: Unit): Promise<MetaDocuments['rows']> {
  return unit.meta('rows', FIRST_GENERATION)
}

export async function readRow(unit: Unit, key: RecordKey): Promise<StoredRecord | undefined> {
  const { generation } = await readRowsDocument(unit)
  return unit.get('records', recordKey(generation, key))
}

/** Stores a row; forgets one about which neither the server nor this device has anything to say. */
export async function writeRow(unit: Unit, row: StoredRecord, generation?: number): Promise<void> {
  const into = generation ?? (await readRowsDocument(unit)).generation
  const key = recordKey(into, row)
  const isGone = row.server === null || row.server.data === null
  const isKept = row.isBuried === true || row.movedTo != null
  const isIdle = row.pending.length === 0 && row.conflicts.length === 0 && !isKept
  if (isGone && isIdle) unit.delete('records', key)
  else unit.put('records', key, row)
}

/**
 * Stores what an answer made of a row. The feed of a device comes after its answers: where the answer says that the
 * record is gone, older states of it may still be on their way.
 */
export async function writeAnswered(unit: Unit, row: StoredRecord): Promise<void> {
  if (row.server === null || row.server.data !== null) return writeRow(unit, row)
  const { scope, table, id } = row
  unit.putMeta('graves', [...(await unit.meta('graves', [])), { scope, table, id }])
  await writeRow(unit, { ...row, isBuried: true })
}

/** The feed has passed every answer: what is buried can go. */
export async function clearGraves(unit: Unit): Promise<void> {
  const graves = await unit.meta('graves', [])
  if (graves.length === 0) return
  for (const key of graves) {
    const row = await readRow(unit, key)
    if (row?.isBuried) await writeRow(unit, { ...row, isBuried: false })
  }
  unit.putMeta('graves', [])
}

export function emptyRow({ scope, table, id }: RecordKey): StoredRecord {
  return {
    scope,
    table,
    id,
    server: null,
    pending: [],
    local: null,
    conflicts: [],
    localVersion: 0,
    updatedAtMs: 0,
  }
}

/** What the app sees: the device's own version while it has one, else the server's. */
export function visibleData(row: StoredRecord): StoredRecord['local'] {
  if (row.movedTo != null) return null
  return row.local ?? (row.server ? { data: row.server.data } : null)
}

/** The newer of what is known and what was just heard; versions of a record only rise. */
export function newerState(known: ServerState | null, heard: ServerState): ServerState {
  return known !== null && known.version > heard.version ? known : heard
}

/** Lets go of the device's own version once nothing stands for it any more. */
export function settled(row: StoredRecord): StoredRecord {
  if (row.pending.length > 0) return row
  const last = row.conflicts.at(-1)
  return { ...row, local: last ? { data: last.mine } : null }
}

/** Takes an operation out of the queue and off its row. The row comes back changed, not yet written. */
export async function settleOperation(
  unit: Unit,
  operation: PendingOperation,
  atMs: number,
): Promise<StoredRecord> {
  await dequeue(unit, operation)
  const row = (await readRow(unit, operation)) ?? emptyRow(operation)
  const pending = row.pending.filter((ordinal) => ordinal !== operation.ordinal)
  return { ...row, pending, updatedAtMs: atMs }
}

export async function readPending(
  unit: Unit,
  row: StoredRecord | undefined,
): Promise<readonly PendingOperation[]> {
  return row ? readOperations(unit, row.pending) : []
}
