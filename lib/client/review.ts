import { timeOrderedId } from './identifiers.ts'
import { containing } from './edits.ts'
import type { Kernel } from './kernel.ts'
import { dequeue, enqueue, inheritPriority } from './queue.ts'
import { forgetMove, undoMove } from './rehome.ts'
import { emptyRow, readPending, readRow, settled, settleOperation, writeRow } from './rows.ts'
import type { EditContent, PendingOperation, RecordKey, ReviewItem, StoredRecord } from './stored.ts'
import type { Unit } from './unit.ts'

/** Takes an edit that was never sent out of the queue and keeps it; what it was to move is shown where it was. */
export async function setAsideUnsent(
  unit: Unit,
  operation: PendingOperation,
  about: Pick<ReviewItem, 'reason' | 'serverData' | 'atMs'>,
): Promise<void> {
  await dequeue(unit, operation)
  await forgetMove(unit, operation)
  setAside(unit, operation, about)
}

/** Keeps an edit that cannot be sent where its record is now. It is out of the queue already. */
export function setAside(
  unit: Unit,
  edit: EditContent & { readonly opId: string },
  about: Pick<ReviewItem, 'reason' | 'serverData' | 'atMs'>,
): void {
  const { scope, table, id, opId, operation, data } = edit
  unit.put('review', opId, { scope, table, id, opId, operation, data, edit: contentOf(edit), ...about })
}

/** What an operation says, without its name and its place in the queue. */
export function contentOf(operation: EditContent & { readonly ordinal?: number }): EditContent {
  const { scope, table, id, priority, baseVersion, baseChecksum, baseOpId, data, hlc, checksum } = operation
  const { sizeBytes, editedAtMs, schemaVersion, saga, textOps, contains = [] } = operation
  return {
    ...{ scope, table, id, priority, operation: operation.operation },
    ...{ baseVersion, baseChecksum, baseOpId, data, hlc, checksum },
    ...{ sizeBytes, editedAtMs, schemaVersion, saga, textOps, contains },
    ...{ madeIn: operation.madeIn ?? null, fromScope: operation.fromScope ?? null },
    madeAs: madeAs(operation),
  }
}

/** Where an edit stands among those of this device; by no clock, which may be coarse, or set back. */
function madeAs({ madeAs, ordinal }: { readonly madeAs?: number | null; readonly ordinal?: number }): number {
  return madeAs ?? ordinal ?? 0
}

/** Edits that were set aside, in the order in which they were made. */
export async function listReview(unit: Unit): Promise<readonly ReviewItem[]> {
  const items = (await unit.scan('review', {})).map((entry) => entry.value)
  return items.toSorted((a, b) => madeAs(a.edit) - madeAs(b.edit) || a.edit.editedAtMs - b.edit.editedAtMs)
}

/**
 * The server refuses the scope, or the record moved out of this device's: what stands on the refused operation would be
 * refused as well.
 */
export async function setAsideForbidden(
  unit: Unit,
  operation: PendingOperation,
  { reason, atMs }: Pick<ReviewItem, 'reason' | 'atMs'>,
): Promise<void> {
  const row = await settleOperation(unit, operation, atMs)
  const about = { reason, serverData: row.server?.data ?? null, atMs }
  const isDismissed =
    operation.firstAnswer?.kind === 'rejected' && !(await unit.get('review', operation.opId))
  if (!isDismissed) setAside(unit, operation, about)
  const left: number[] = []
  for (const next of await readPending(unit, row)) {
    if (next.wasSent) {
      left.push(next.ordinal)
      continue
    }
    await setAsideUnsent(unit, next, about)
  }
  const kept = settled({ ...row, pending: left })
  await writeRow(unit, kept)
  await undoMove(unit, kept, operation)
}

/**
 * Puts an edit back into the queue, under a new id and on what it was made on: what others made of the record since is
 * concurrent with it, and so is what this device did. What it was made on goes before it, if that was set aside, too.
 * @param aside everything that is set aside
 * @returns false if there is no such edit
 */
export async function handBack(
  kernel: Kernel,
  unit: Unit,
  formerId: string,
  aside: readonly ReviewItem[],
): Promise<boolean> {
  const found = await unit.get('review', formerId)
  if (!found) return false
  if (found.edit.baseOpId !== null) await handBack(kernel, unit, found.edit.baseOpId, aside)
  const { edit } = (await unit.get('review', formerId)) ?? found
  unit.delete('review', formerId)
  const { opId } = await queueAgain(kernel, unit, edit, formerId)
  for (const later of aside) {
    if (later.edit.baseOpId !== formerId) continue
    const now = await unit.get('review', later.opId)
    if (now) unit.put('review', now.opId, { ...now, edit: { ...now.edit, baseOpId: opId } })
  }
  return true
}

/** Queues the edit of an operation again as the older one that it is, behind what is pending on its record by now. */
export async function queueAgain(
  kernel: Kernel,
  unit: Unit,
  edit: EditContent,
  formerId: string,
): Promise<PendingOperation> {
  const row = await whereItIs(unit, edit)
  const { scope } = row
  const queued = await enqueue(unit, {
    ...{ ...edit, scope, madeAs: madeAs(edit), contains: containing(edit.contains, [formerId]) },
    madeIn: scope === edit.scope ? (edit.madeIn ?? null) : (edit.madeIn ?? edit.scope),
    opId: timeOrderedId(kernel.clock, kernel.random),
  })
  await inheritPriority(unit, [...(await readPending(unit, row)), queued])
  await writeRow(unit, {
    ...row,
    pending: [...row.pending, queued.ordinal],
    local: { data: edit.data },
    localVersion: row.localVersion + 1,
    updatedAtMs: kernel.clock.nowMs(),
  })
  return queued
}

/** The record's row, there where this device has moved it to since. */
async function whereItIs(unit: Unit, key: RecordKey): Promise<StoredRecord> {
  const passed = new Set<string>()
  let row = (await readRow(unit, key)) ?? emptyRow(key)
  while (row.movedTo != null && !passed.has(row.movedTo)) {
    passed.add(row.scope)
    const there = { ...key, scope: row.movedTo }
    row = (await readRow(unit, there)) ?? emptyRow(there)
  }
  return row
}

/** What has come into view again: records by their key, and scopes of which anything was seen. */
export interface Sighting {
  hasRecord(item: ReviewItem): boolean
  /** A record of that name came to a scope, be it another than the edit's: it may have moved there. */
  hasArrival(item: ReviewItem): boolean
  hasScope(scope: string): boolean
  isGranted(scope: string): boolean
}

/** Where an edit needs a grant: where it was made, where its record is by now, and where it moves it from. */
export function scopesOf({ scope, edit: { madeIn, fromScope } }: ReviewItem): readonly string[] {
  return [scope, madeIn, fromScope].flatMap((each) => each ?? [])
}

/**
 * Hands back every edit whose place is within reach again. One of a record that has a newer edit of
 * this device stays where it is, for somebody to decide.
 */
export async function handBackSeen(kernel: Kernel, unit: Unit, seen: Sighting): Promise<void> {
  const aside = await listReview(unit)
  for (const item of aside) {
    const scopes = scopesOf(item)
    const isGranted = scopes.every((scope) => seen.isGranted(scope))
    const isBack =
      item.reason === 'left_scope'
        ? seen.hasRecord(item) || (isGranted && seen.hasArrival(item))
        : isGranted && scopes.some((scope) => seen.hasScope(scope))
    if (!isBack) continue
    const pending = await pendingOn(unit, item)
    const isOvertaken = pending.some((later) => madeAs(later) > madeAs(item.edit))
    if (!isOvertaken) await handBack(kernel, unit, item.opId, aside)
  }
}

/** What is pending on the record of an edit: where the edit has it, and where this device has moved it to since. */
async function pendingOn(unit: Unit, item: ReviewItem): Promise<readonly PendingOperation[]> {
  const scopes = new Set(scopesOf(item))
  const pending: PendingOperation[] = []
  // A scope that is added on the way is come to as well.
  for (const scope of scopes) {
    const row = await readRow(unit, { ...item, scope })
    if (row?.movedTo != null) scopes.add(row.movedTo)
    pending.push(...(await readPending(unit, row)))
  }
  return pending
}
