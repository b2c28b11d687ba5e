import type { JsonObject } from '#lib/core/json.ts'
import { priorities, type Operation, type Priority } from '#lib/protocol/sync.ts'
import type { ConflictMark, PendingOperation, StoredRecord } from './stored.ts'
import { composeTextEdits } from './text-edits.ts'

/** What an edit means for the queue. */
export type EditPlan =
  /** The record already is so. */
  | { readonly kind: 'nothing' }
  /** A new operation, made on the state that `baseVersion` and `baseOpId` name. */
  | {
      readonly kind: 'append'
      readonly operation: Operation
      readonly baseVersion: number
      readonly baseChecksum: string | null
      readonly baseOpId: string | null
    }
  /** The last operation was never sent: it takes the new content, and keeps the base it was made on. */
  | { readonly kind: 'replace'; readonly operation: Operation }
  /** The last operation was never sent, and this edit takes it back. */
  | { readonly kind: 'cancel' }

/**
 * Where an edit goes. Edits of one record that were never sent become one operation; an operation
 * that was ever sent is settled, and what comes after it is chained to it by `baseOpId`.
 * @param row the record as it is now, if there is one
 * @param pending the record's unanswered operations, oldest first
 * @param data the state wanted; null to delete
 * @param isStep the edit is a step of a saga
 */
export function planEdit(
  row: StoredRecord | undefined,
  pending: readonly PendingOperation[],
  data: JsonObject | null,
  isStep = false,
): EditPlan {
  const last = pending.at(-1)
  // A step of a saga is undone as it was made: neither does it take over an edit, nor is it taken over.
  const isApart = isStep || (last?.saga ?? null) !== null
  const serverHasIt = row?.server != null && row.server.data !== null
  if (last && !last.wasSent && !isApart) {
    const beneath = pending.at(-2)
    const existsBeneath = beneath ? beneath.operation !== 'DELETE' : last.operation !== 'CREATE'
    if (data !== null) return { kind: 'replace', operation: existsBeneath ? 'UPDATE' : 'CREATE' }
    return existsBeneath ? { kind: 'replace', operation: 'DELETE' } : { kind: 'cancel' }
  }
  if (last) {
    const exists = last.operation !== 'DELETE'
    if (data === null && !exists) return { kind: 'nothing' }
    const operation = data === null ? 'DELETE' : exists ? 'UPDATE' : 'CREATE'
    // A CREATE stands on nothing, so it has no version under it; the chain alone says what it follows.
    return { kind: 'append', operation, ...baseOf(operation, last), baseOpId: last.opId }
  }
  const mark = row?.conflicts.at(-1)
  if (mark) {
    // The app edited what it saw, which is this device's side of the conflict. Made on the server's
    // version instead, the edit would settle the conflict in its own favour, unseen.
    if (data === null && mark.mine === null) return { kind: 'nothing' }
    const operation = data === null ? 'DELETE' : mark.mine === null ? 'CREATE' : 'UPDATE'
    return { kind: 'append', operation, ...baseOf(operation, mark), baseOpId: sideOpId(mark) }
  }
  if (serverHasIt) {
    const operation = data === null ? 'DELETE' : 'UPDATE'
    const { version: baseVersion, checksum: baseChecksum } = row.server
    return { kind: 'append', operation, baseVersion, baseChecksum, baseOpId: null }
  }
  return data === null
    ? { kind: 'nothing' }
    : { kind: 'append', operation: 'CREATE', baseVersion: 0, baseChecksum: null, baseOpId: null }
}

/**
 * The operation that was chained to one the server refused, moved onto what that one was made on.
 * Its data is the full state, so nothing the refused edit wanted is lost from it.
 * @returns null where nothing is left to do: the refused edit created what this one deletes
 */
export function rebaseOnto(refused: PendingOperation, next: PendingOperation): PendingOperation | null {
  const operation = operationAfter(refused.operation, next.operation)
  if (operation === null) return null
  return {
    ...{ ...next, operation, ...baseOf(operation, refused), baseOpId: refused.baseOpId },
    // A step of a saga may be undone, and what it holds with it.
    ...(next.saga === null && {
      contains: containing(containing(refused.contains, next.contains), [refused.opId]),
    }),
    // What never was anywhere is made where it was to go.
    fromScope: operation === 'CREATE' ? null : (next.fromScope ?? null),
    textOps: operation === 'UPDATE' ? composeTextEdits(refused, next) : null,
  }
}

/** The operation that pushed this device's side of a conflict, as it shows it. */
export function sideOpId({ mineOpId, opId }: ConflictMark): string {
  return mineOpId ?? opId
}

/** The server's state under an operation that follows another one; a CREATE stands on none. */
function baseOf(
  operation: Operation,
  { baseVersion, baseChecksum }: Pick<PendingOperation, 'baseVersion' | 'baseChecksum'>,
): Pick<PendingOperation, 'baseVersion' | 'baseChecksum'> {
  return operation === 'CREATE' ? { baseVersion: 0, baseChecksum: null } : { baseVersion, baseChecksum }
}

function operationAfter(refused: Operation, next: Operation): Operation | null {
  if (refused === 'CREATE') return next === 'DELETE' ? null : 'CREATE'
  return next === 'DELETE' ? 'DELETE' : 'UPDATE'
}

/** As many as one operation may name. */
const CONTAINED = 100

/** The refused operations that an edit holds, the latest last: those of two that became one. */
export function containing(
  earlier: readonly string[] = [],
  later: readonly string[] = [],
): readonly string[] {
  return [...new Set([...earlier, ...later])].slice(-CONTAINED)
}

/** The more urgent of two. */
export function moreUrgent(a: Priority, b: Priority): Priority {
  return priorities.indexOf(a) <= priorities.indexOf(b) ? a : b
}
