import type { PendingOperation } from './stored.ts'

export interface BatchLimits {
  readonly changes: number
  readonly bytes: number
}

export interface Batch {
  /** Operations that have a seq, in its order: holes worth another try, and what was never answered. */
  readonly resent: readonly PendingOperation[]
  /** Operations that get their seq now, in this order. */
  readonly fresh: readonly PendingOperation[]
  /** Something that could go did not fit. */
  readonly isFull: boolean
}

/**
 * Chooses what the next request carries. Everything sent and unanswered comes first, because the
 * server takes seqs in order; then the most urgent lane that has something to send. Lanes are not
 * mixed: a request that is slow or refused for its bulk must not take critical changes with it.
 * An operation waits until the earlier ones on its record are answered: if one of those is refused
 * for good, what was made on it can still be moved onto firm ground.
 * @param inflight every operation with a seq, ascending
 * @param lanes operations without one, most urgent lane first, each in order of making
 */
export function chooseBatch(
  inflight: readonly PendingOperation[],
  lanes: readonly (readonly PendingOperation[])[],
  limits: BatchLimits,
  nowMs: number,
): Batch {
  /** Places of records with an operation that is not answered yet. */
  const busy = new Set<string>()
  const isBusy = (operation: PendingOperation) => placesOf(operation).some((place) => busy.has(place))
  const occupy = (operation: PendingOperation) => placesOf(operation).forEach((place) => busy.add(place))
  /** The earliest step that cannot go yet, by saga; those before it may, which it perhaps waits for. */
  const held = new Map<string, number>()
  const isHeld = ({ saga }: PendingOperation) => saga !== null && saga.step > (held.get(saga.id) ?? Infinity)
  const hold = ({ saga }: PendingOperation) => {
    if (saga) held.set(saga.id, Math.min(saga.step, held.get(saga.id) ?? Infinity))
  }
  /** One request says of one version of the app's schema that its data is in it. */
  let schemaVersion: number | null = null
  const room = { changes: limits.changes, bytes: limits.bytes }
  // The first operation always fits: one that is over the limit alone must go, or nothing ever would.
  const fits = (operation: PendingOperation) =>
    (schemaVersion ?? operation.schemaVersion) === operation.schemaVersion &&
    room.changes > 0 &&
    (room.changes === limits.changes || room.bytes >= operation.sizeBytes)
  const take = (operation: PendingOperation) => {
    room.changes -= 1
    room.bytes -= operation.sizeBytes
    schemaVersion = operation.schemaVersion
  }

  const resent: PendingOperation[] = []
  for (const operation of inflight) {
    const isDue = operation.hole === null || (operation.hole.notBeforeMs <= nowMs && !isBusy(operation))
    occupy(operation)
    if (operation.hole) hold(operation)
    if (!isDue) continue
    if (!fits(operation)) return { resent, fresh: [], isFull: true }
    take(operation)
    resent.push(operation)
  }

  for (const lane of lanes) {
    const fresh: PendingOperation[] = []
    for (const operation of lane) {
      if (isBusy(operation) || isHeld(operation)) {
        // Whatever comes after it on its record or in its saga waits with it.
        occupy(operation)
        hold(operation)
        continue
      }
      if (!fits(operation)) return { resent, fresh, isFull: true }
      occupy(operation)
      take(operation)
      fresh.push(operation)
    }
    if (fresh.length > 0) return { resent, fresh, isFull: false }
  }
  return { resent, fresh: [], isFull: false }
}

/** When the earliest hole that is not due yet will be; null when there is none. */
export function nextDueMs(inflight: readonly PendingOperation[]): number | null {
  const times = inflight.flatMap((operation) => (operation.hole ? [operation.hole.notBeforeMs] : []))
  return times.length === 0 ? null : Math.min(...times)
}

/** Where the record is that an operation is about; of one that moves it, where it goes as well. */
function placesOf({ scope, fromScope, table, id }: PendingOperation): string[] {
  const scopes = fromScope == null || fromScope === scope ? [scope] : [scope, fromScope]
  return scopes.map((each) => JSON.stringify([each, table, id]))
}
