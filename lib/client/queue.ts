import { priorities, type Priority } from '#lib/protocol/sync.ts'
import { moreUrgent } from './edits.ts'
import { readJournalDocument } from './journal.ts'
import {
  laneKey,
  lanePrefix,
  numberKey,
  type EditContent,
  type MetaDocuments,
  type PendingOperation,
  type RecordKey,
} from './stored.ts'
import type { Unit } from './unit.ts'

type QueueDocument = MetaDocuments['queue']

/** Operations read in one go where there may be very many. */
const QUEUE_PAGE = 100

const EMPTY: QueueDocument = { nextOrdinal: 1, nextSeq: 1, pending: { critical: 0, normal: 0, bulk: 0 } }

export async function readQueue(unit: Unit): Promise<QueueDocument> {
  return unit.meta('queue', EMPTY)
}

export function pendingCount({ pending }: QueueDocument): number {
  return pending.critical + pending.normal + pending.bulk
}

/** Adds an operation at the end of its lane. */
export async function enqueue(
  unit: Unit,
  operation: EditContent & { readonly opId: string },
): Promise<PendingOperation> {
  const queue = await readQueue(unit)
  const queued: PendingOperation = {
    ...operation,
    ordinal: queue.nextOrdinal,
    seq: null,
    wasSent: false,
    isShared: false,
    hole: null,
    firstAnswer: null,
  }
  unit.putMeta('queue', {
    ...queue,
    nextOrdinal: queue.nextOrdinal + 1,
    pending: counted(queue.pending, queued.priority, 1),
  })
  writeOperation(unit, queued)
  return queued
}

/** Puts an operation that was answered before back into its place: its ordinal tells when it was made. */
export async function putBack(unit: Unit, operation: PendingOperation): Promise<void> {
  const queue = await readQueue(unit)
  unit.putMeta('queue', { ...queue, pending: counted(queue.pending, operation.priority, 1) })
  await countResending(unit, 1)
  writeOperation(unit, operation)
}

/** Stores an operation's new content; moves it to another lane if its priority changed. */
export async function revise(
  unit: Unit,
  before: PendingOperation,
  after: PendingOperation,
): Promise<PendingOperation> {
  if (before.priority !== after.priority) {
    const queue = await readQueue(unit)
    const left = counted(queue.pending, before.priority, -1)
    unit.putMeta('queue', { ...queue, pending: counted(left, after.priority, 1) })
    if (before.seq === null) unit.delete('outbox', laneKey(before.priority, before.ordinal))
  }
  writeOperation(unit, after)
  return after
}

/**
 * Operations of one record are sent in the order they were made, so one that stands before an
 * urgent one becomes as urgent. (Those that have their seq already are under way.)
 */
export async function inheritPriority(
  unit: Unit,
  operations: readonly PendingOperation[],
): Promise<readonly PendingOperation[]> {
  let urgency: Priority = 'bulk'
  const inherited: PendingOperation[] = []
  for (const operation of operations.toReversed()) {
    urgency = moreUrgent(urgency, operation.priority)
    inherited.unshift(
      operation.seq === null && operation.priority !== urgency
        ? await lift(unit, operation, urgency)
        : operation,
    )
  }
  return inherited
}

/** The earlier steps of its saga go before it, and what stands before those on their records. */
async function lift(unit: Unit, operation: PendingOperation, priority: Priority): Promise<PendingOperation> {
  const lifted = await revise(unit, operation, { ...operation, priority })
  const { saga } = operation
  if (saga === null) return lifted
  const waiting = (await readLanes(unit, Infinity)).flat()
  for (const earlier of waiting) {
    const now = await unit.get('operations', numberKey(earlier.ordinal))
    if (now?.saga?.id !== saga.id || now.saga.step >= saga.step) continue
    if (moreUrgent(now.priority, priority) === now.priority) continue
    const before = waiting.filter((each) => each.ordinal <= now.ordinal && isSameRecord(each, now))
    await inheritPriority(unit, [...before.slice(0, -1), { ...now, priority }])
    await lift(unit, now, priority)
  }
  return lifted
}

function isSameRecord(a: RecordKey, b: RecordKey): boolean {
  return a.id === b.id && a.table === b.table && a.scope === b.scope
}

/** Gives the operations their seqs, in the order given, and puts them in flight. */
export async function assignSeqs(
  unit: Unit,
  operations: readonly PendingOperation[],
): Promise<readonly PendingOperation[]> {
  if (operations.length === 0) return []
  const queue = await readQueue(unit)
  const sent = operations.map((operation, index) => ({
    ...operation,
    seq: queue.nextSeq + index,
    wasSent: true,
  }))
  for (const operation of sent) {
    unit.delete('outbox', laneKey(operation.priority, operation.ordinal))
    writeOperation(unit, operation)
  }
  unit.putMeta('queue', { ...queue, nextSeq: queue.nextSeq + sent.length })
  return sent
}

/** Takes an answered, given-up or withdrawn operation out of the queue. */
export async function dequeue(unit: Unit, operation: PendingOperation): Promise<void> {
  const queue = await readQueue(unit)
  unit.putMeta('queue', { ...queue, pending: counted(queue.pending, operation.priority, -1) })
  if (operation.firstAnswer) await countResending(unit, -1)
  unit.delete('operations', numberKey(operation.ordinal))
  if (operation.seq === null) unit.delete('outbox', laneKey(operation.priority, operation.ordinal))
  else unit.delete('inflight', numberKey(operation.seq))
}

/** Operations that have a seq, ascending; those after a seq, and at most `limit`. */
export async function readInflight(
  unit: Unit,
  { afterSeq = 0, limit }: { afterSeq?: number; limit?: number } = {},
): Promise<readonly PendingOperation[]> {
  const after = numberKey(afterSeq)
  const entries = await unit.scan('inflight', limit === undefined ? { after } : { after, limit })
  return readOperations(
    unit,
    entries.map((entry) => entry.value.ordinal),
  )
}

/** Operations without a seq, per lane, most urgent lane first; at most `limit` of each. */
export async function readLanes(
  unit: Unit,
  limit: number,
): Promise<readonly (readonly PendingOperation[])[]> {
  const lanes: (readonly PendingOperation[])[] = []
  for (const priority of priorities) {
    const entries = await unit.scan('outbox', { prefix: lanePrefix(priority), limit })
    lanes.push(
      await readOperations(
        unit,
        entries.map((entry) => entry.value.ordinal),
      ),
    )
  }
  return lanes
}

/** Everything in the queue, page by page: what has a seq first, and then lane by lane. */
export async function* queuedPages(unit: Unit): AsyncGenerator<readonly PendingOperation[]> {
  const shelves = [
    { collection: 'inflight', prefix: '' } as const,
    ...priorities.map((each) => ({ collection: 'outbox', prefix: lanePrefix(each) }) as const),
  ]
  for (const { collection, prefix } of shelves) {
    let after: string | undefined
    do {
      const scan = { prefix, limit: QUEUE_PAGE, ...(after === undefined ? {} : { after }) }
      const entries = await unit.scan(collection, scan)
      yield await readOperations(
        unit,
        entries.map((entry) => entry.value.ordinal),
      )
      after = entries.length < QUEUE_PAGE ? undefined : entries.at(-1)?.key
    } while (after !== undefined)
  }
}

export async function readOperations(
  unit: Unit,
  ordinals: readonly number[],
): Promise<readonly PendingOperation[]> {
  const found = await Promise.all(ordinals.map((ordinal) => unit.get('operations', numberKey(ordinal))))
  return found.filter((operation) => operation !== undefined)
}

/**
 * Starts the queue over under a new incarnation: everything unanswered waits to be sent under a new
 * seq and its old op id, in the order in which it was made.
 */
export async function restartQueue(unit: Unit): Promise<void> {
  for (const operation of await readInflight(unit)) {
    unit.delete('inflight', numberKey(operation.seq ?? 0))
    writeOperation(unit, { ...operation, seq: null, hole: null })
  }
  unit.putMeta('queue', { ...(await readQueue(unit)), nextSeq: 1 })
}

async function countResending(unit: Unit, by: number): Promise<void> {
  const journal = await readJournalDocument(unit)
  unit.putMeta('journal', { ...journal, resending: journal.resending + by })
}

/** A twin of this device may have sent everything in the queue, as it is or otherwise. */
export async function markShared(unit: Unit): Promise<void> {
  const queued = [await readInflight(unit), ...(await readLanes(unit, Infinity))].flat()
  for (const operation of queued) writeOperation(unit, { ...operation, isShared: true })
}

function writeOperation(unit: Unit, operation: PendingOperation): void {
  const { ordinal, seq, priority } = operation
  unit.put('operations', numberKey(ordinal), operation)
  if (seq === null) unit.put('outbox', laneKey(priority, ordinal), { ordinal })
  else unit.put('inflight', numberKey(seq), { ordinal })
}

function counted(
  pending: Readonly<Record<Priority, number>>,
  priority: Priority,
  by: number,
): Record<Priority, number> {
  return { ...pending, [priority]: pending[priority] + by }
}
