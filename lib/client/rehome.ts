import { revise } from './queue.ts'
import {
  emptyRow,
  newerState,
  readPending,
  readRow,
  settled,
  visibleData,
  writeAnswered,
  writeRow,
} from './rows.ts'
import type { PendingOperation, ServerState, StoredRecord } from './stored.ts'
import type { Unit } from './unit.ts'

/**
 * What this device has to say about a record goes with it to another scope; the row it leaves has what the server has
 * there, and is gone where that is nothing. What was sent is still told as it was made.
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
    const isMeantHere = isUndone && !operation.wasSent
    const madeIn = isMeantHere ? scope : (operation.madeIn ?? operation.scope)
    // What was to move it from here stays here.
    const fromScope = isMeantHere && operation.fromScope === scope ? null : (operation.fromScope ?? null)
    await revise(unit, operation, {
      ...{ ...operation, scope, fromScope },
      madeIn: madeIn === scope ? null : madeIn,
    })
  }
  const home: StoredRecord = settled({
    ...there,
    pending: [...there.pending, ...row.pending].toSorted((a, b) => a - b),
    local: visibleData(row) ?? there.local,
    conflicts: [...there.conflicts, ...row.conflicts],
    localVersion: Math.max(there.localVersion, row.localVersion),
    movedTo: null,
  })
  // The server may have the record here, too: another device moved it first, or the move was never made.
  await writeRow(unit, { ...row, pending: [], conflicts: [], local: null, movedTo: null })
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
 * @param isIn where the server says that the record is; left out, it is where it was
 * @returns the row where the record is
 */
export async function undoMove(
  unit: Unit,
  row: StoredRecord,
  { fromScope }: PendingOperation,
  isIn?: string,
): Promise<StoredRecord> {
  return fromScope == null || fromScope === row.scope || isIn === row.scope
    ? row
    : rehome(unit, row, fromScope, { isUndone: true })
}

/** There is nothing to move any more: what the server has where the record was is shown again. */
export async function forgetMove(unit: Unit, operation: PendingOperation): Promise<void> {
  const { fromScope } = operation
  const left = fromScope == null ? undefined : await readRow(unit, { ...operation, scope: fromScope })
  if (left) await writeRow(unit, { ...left, movedTo: null })
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
  // An earlier version sent what stays where it is as a move from there.
  if (fromScope == null || fromScope === (operation.madeIn ?? operation.scope)) return
  const place = { ...operation, scope: fromScope }
  // The feed may have yet to come to what the record was there: this write it leaves out.
  const left = (await readRow(unit, place)) ?? emptyRow(place)
  // One made before the move that is still to be answered here: after it, nothing is on its way from here any more.
  const isHeld = left.pending.length > 0 || left.conflicts.length > 0
  const rest = { ...left, movedTo: null, local: isHeld ? left.local : null }
  if (state === null) return writeRow(unit, rest)
  await writeAnswered(unit, { ...rest, server: newerState(left.server, { ...state, data: null }) })
}
