import { joinCrdts } from '#lib/core/crdt/places.ts'
import type { JsonObject } from '#lib/core/json.ts'
import type { Priority } from '#lib/protocol/sync.ts'
import { InvalidEditError } from './failure.ts'
import type { Kernel } from './kernel.ts'
import { applyEdit } from './apply-edit.ts'
import { containing } from './edits.ts'
import { moveRecord } from './move.ts'
import { contentOf, handBack, listReview, queueAgain } from './review.ts'
import { readRow, readRowsDocument, settled, visibleData, writeRow } from './rows.ts'
import { generationPrefix, type ConflictMark, type DeadLetter, type RecordKey } from './stored.ts'
import type { Unit } from './unit.ts'

/** A record with an open conflict, and what it is about. */
export interface LocalConflict extends RecordKey, ConflictMark {}

/** Every open conflict this device knows of. */
export async function listConflicts(unit: Unit): Promise<readonly LocalConflict[]> {
  const { generation } = await readRowsDocument(unit)
  const entries = await unit.scan('records', { prefix: generationPrefix(generation) })
  return entries.flatMap(({ value: { scope, table, id, conflicts } }) =>
    conflicts.map((mark) => ({ scope, table, id, ...mark })),
  )
}

/**
 * Answers a `stale_version` refusal: sends `data` as a new operation on the version the server has.
 * @throws InvalidEditError if the record has no such conflict
 */
export async function rebase(
  kernel: Kernel,
  unit: Unit,
  key: RecordKey,
  data: JsonObject | null,
): Promise<Priority | null> {
  const row = await readRow(unit, key)
  if (!row?.conflicts.some((mark) => mark.code === 'stale_version')) {
    throw new InvalidEditError('no_such_conflict', `${key.table}/${key.id}: there is nothing to rebase`)
  }
  await writeRow(unit, { ...row, conflicts: row.conflicts.filter((mark) => mark.code !== 'stale_version') })
  const live = row.server?.data ? row.server : null
  const base = { baseVersion: live?.version ?? 0, baseChecksum: live?.checksum ?? null }
  return applyEdit(kernel, unit, { ...key, data, priority: undefined, base })
}

/**
 * Gives up this device's side of a record's conflicts and shows the server's state. Edits made since
 * and still pending stay. A person may still settle a manual conflict otherwise.
 * @throws InvalidEditError if the record has no conflict
 */
export async function abandon(unit: Unit, key: RecordKey): Promise<void> {
  const row = await readRow(unit, key)
  if (!row || row.conflicts.length === 0) {
    throw new InvalidEditError('no_such_conflict', `${key.table}/${key.id}: there is nothing to give up`)
  }
  await writeRow(unit, settled({ ...row, conflicts: [] }))
}

export async function listDeadLetters(unit: Unit): Promise<readonly DeadLetter[]> {
  const entries = await unit.scan('dead_letters', {})
  return entries.map((entry) => entry.value).filter((letter) => !letter.isDismissed)
}

/** Lets a dead letter go. One the server does not know of yet is kept, out of sight, until it does. */
export async function dismissDeadLetter(unit: Unit, opId: string): Promise<void> {
  const letter = await unit.get('dead_letters', opId)
  if (letter && !letter.isReported) unit.put('dead_letters', opId, { ...letter, isDismissed: true })
  else unit.delete('dead_letters', opId)
}

/**
 * Sends a dead letter's edit again, as a new operation.
 * @param data the edit, corrected, on the record as it is now; left out, it goes as it was, on what it was made on:
 *   nothing of what was made of the record since is taken back
 * @returns false if there is no such dead letter
 */
export async function retryDeadLetter(
  kernel: Kernel,
  unit: Unit,
  opId: string,
  data: JsonObject | null | undefined,
): Promise<boolean> {
  const letter = await unit.get('dead_letters', opId)
  if (!letter || letter.isDismissed) return false
  const { operation } = letter
  const { table, id, fromScope } = operation
  const scope = fromScope ?? operation.scope
  const row = await readRow(unit, { scope, table, id })
  const shown = row ? visibleData(row) : null
  const isHere = shown?.data != null || row?.movedTo != null
  // Of a record that is gone, or that it should have been made on, it makes another.
  if (data === undefined && isHere && fromScope == null && letter.code !== 'unknown_base') {
    await queueAgain(kernel, unit, { ...contentOf(operation), saga: null }, opId)
    await dismissDeadLetter(unit, opId)
    return true
  }
  // What others have added to its CRDTs since, it would take back.
  const asItWas = operation.data && joinCrdts(operation.data, shown?.data ?? null)
  await applyEdit(kernel, unit, {
    scope,
    table,
    id,
    data: data === undefined ? asItWas : data,
    priority: operation.priority,
    resends: containing(operation.contains, [opId]),
    // What goes as it was is still of the app that made it.
    ...(data === undefined ? { schemaVersion: operation.schemaVersion } : {}),
  })
  if (fromScope != null)
    await moveRecord(kernel, unit, { scope, table, id }, operation.scope, operation.priority)
  await dismissDeadLetter(unit, opId)
  return true
}

/**
 * Puts a set-aside edit back into the queue. It stands on what it was made on, so the server settles
 * it with whatever others have made of the record since.
 * @returns false if there is no such edit
 */
export async function restoreReview(kernel: Kernel, unit: Unit, opId: string): Promise<boolean> {
  return handBack(kernel, unit, opId, await listReview(unit))
}
