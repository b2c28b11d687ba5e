import { revise } from './queue.ts'
import {
  emptyRow,
  newerState,
  readPending,
  readRow,
  readRowsDocument,
  settled,
  visibleData,
  writeAnswered,
  writeRow,
} from './rows.ts'
import { recordKey, type PendingOperation, type ServerState, type StoredRecord } from './stored.ts'
import type { Unit } from './unit.ts'

/**
 * What this device has to say about a record goes with it to another scope; the row it leaves is gone. What was sent is
 * still told as it was made.
 * @param options.isUndone what was not sent is now meant for that scope
 * @returns the row there, written
 */
export async function rehome(
  unit: Unit,
  row: StoredRecord,
  scope: string,
  { isUndone = false }: { isUndone?: boolean } = {},
): Promise<StoredRecord> {
  const there = (await readRow(unit, { ...row, scope })) ?? emptyRow({ ...row, scope })
  for (const operation of await readPending(unit, row)) {
    const madeIn = isUndone && !operation.wasSent ? scope : (operation.madeIn ?? operation.scope)
    await revise(unit, operation, { ...operation, scope, madeIn: madeIn === scope ? null : madeIn })
  }
  const home: StoredRecord = settled({
    ...there,
    pending: [...there.pending, ...row.pending].toSorted((a, b) => a - b),
    local: visibleData(row) ?? there.local,
    conflicts: [...there.conflicts, ...row.conflicts],
    localVersion: Math.max(there.localVersion, row.localVersion),
    movedTo: null,
  })
  const { generation } = await readRowsDocument(unit)
  unit.delete('records', recordKey(generation, row))
  await writeRow(unit, home)
  return home
}

/** An edit made before the record moved was answered where it was made: that is what the server has there. */
export async function heardThere(
  unit: Unit,
  { madeIn, ...key }: PendingOperation,
  state: ServerState,
): Promise<void> {
  if (madeIn == null) return
  const place = { ...key, scope: madeIn }
  // It may have gone from there, and this edit have brought it back: the feed leaves out what its own sender wrote.
  const there = (await readRow(unit, place)) ?? emptyRow(place)
  await writeAnswered(unit, { ...there, server: newerState(there.server, state) })
}

/**
 * A move was not made: what there is of it here goes back to where the record is.
 * @param row the record's, without the operation
 * @returns the row where the record is
 */
export async function undoMove(
  unit: Unit,
  row: StoredRecord,
  { fromScope }: PendingOperation,
): Promise<StoredRecord> {
  return fromScope == null ? row : rehome(unit, row, fromScope, { isUndone: true })
}

/**
 * The move was made: the row that was left is gone, and older news must not bring it back.
 * @param state the record as it left; null where the feed has told of that already, and of what came after
 */
export async function leaveBehind(
  unit: Unit,
  operation: PendingOperation,
  state: Omit<ServerState, 'data'> | null,
): Promise<void> {
  const { fromScope } = operation
  if (fromScope == null) return
  const left = await readRow(unit, { ...operation, scope: fromScope })
  if (!left || left.pending.length > 0 || left.conflicts.length > 0) return
  if (state === null) return writeRow(unit, { ...left, movedTo: null, local: null })
  await writeAnswered(unit, {
    ...left,
    ...{ movedTo: null, local: null, server: newerState(left.server, { ...state, data: null }) },
  })
}
