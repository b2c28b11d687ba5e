import { randomId } from './identifiers.ts'
import { readIdentity } from './identity.ts'
import { doubt, keyOfEntry, readJournal, readJournalDocument, takeOut } from './journal.ts'
import type { Kernel } from './kernel.ts'
import {
  inheritPriority,
  markShared,
  putBack,
  readInflight,
  readQueue,
  restartQueue,
  revise,
} from './queue.ts'
import { emptyRow, readPending, readRow, visibleData, writeRow } from './rows.ts'
import { beginSnapshot } from './snapshot.ts'
import type { JournalEntry } from './stored.ts'
import type { Unit } from './unit.ts'

/**
 * Starts a new incarnation: this store was cloned or restored, or the server has lost track of the
 * old one. Everything unanswered is sent again under new seqs and its own op ids, so what the server
 * did already take it answers as before.
 * @param lost answered operations that the server may have lost: they go again, too
 */
export async function startNewLife(
  kernel: Kernel,
  unit: Unit,
  lost: readonly JournalEntry[] = [],
): Promise<void> {
  const identity = await readIdentity(unit)
  const unanswered = await readInflight(unit)
  await restartQueue(unit)
  for (const entry of lost) await sendAgain(unit, entry, null)
  await takeOut(unit, lost)
  for (const operation of [...lost.map((entry) => entry.operation), ...unanswered]) {
    const row = await readRow(unit, operation)
    await inheritPriority(unit, await readPending(unit, row))
  }
  // Their seqs are of the life that ends; told in the next one, they would name others' places.
  for (const { key, value: letter } of await unit.scan('dead_letters', {})) {
    if (letter.isReported) continue
    unit.put('dead_letters', key, { ...letter, operation: { ...letter.operation, seq: null } })
  }
  unit.putMeta('identity', {
    ...identity,
    incarnation: randomId(kernel.random),
    life: identity.life + 1,
  })
}

/**
 * The server says that it is another device's seq. Where it was restored, it may have taken the twin's operations in the
 * place of this store's, so it is asked what it knows of those.
 */
export async function divideFromTwin(kernel: Kernel, unit: Unit): Promise<void> {
  await markShared(unit)
  await startNewLife(kernel, unit)
  await doubt(unit)
}

/**
 * Goes on where the server wants to: everything from that seq on counts as never answered. Where the
 * server did acknowledge some of it, it was restored to an older state: then it is asked what it knows
 * of all the rest, what it lost is sent again, and everything it has is fetched.
 * @returns how many acknowledged operations it does not know in this stream
 */
export async function closeGap(kernel: Kernel, unit: Unit, expectedSeq: number): Promise<number> {
  const { life } = await readIdentity(unit)
  const lost = (await readJournal(unit, life, expectedSeq)).map(keyOfEntry)
  if (lost.length > 0) {
    await beginSnapshot(unit, 'server_restored', { anew: true })
    await doubt(unit)
    const document = await readJournalDocument(unit)
    unit.putMeta('journal', { ...document, lost: [...new Set([...document.lost, ...lost])] })
    return lost.length
  }
  if (await isWholeFrom(unit, expectedSeq, [])) await reopen(unit, expectedSeq)
  else {
    await startNewLife(kernel, unit)
    await doubt(unit)
  }
  return 0
}

/**
 * Sends everything again that the server was found to have lost: under the same seqs, where they and what was not answered
 * yet are the end of this life without a gap (one that was given up, or is no longer kept); else under a new incarnation.
 * @returns how many
 */
export async function sendLostAgain(kernel: Kernel, unit: Unit): Promise<number> {
  const document = await readJournalDocument(unit)
  const found = await Promise.all(document.lost.toSorted().map((key) => unit.get('journal', key)))
  const lost = found.filter((entry) => entry !== undefined)
  unit.putMeta('journal', { ...document, lost: [] })
  if (lost.length === 0) return 0
  const { life } = await readIdentity(unit)
  const firstSeq = Math.min(...lost.map(({ operation }) => operation.seq ?? 0))
  const isThisLife = lost.every((entry) => entry.life === life)
  if (isThisLife && (await isWholeFrom(unit, firstSeq, lost))) {
    await reopen(unit, firstSeq)
    for (const entry of lost) await sendAgain(unit, entry, entry.operation.seq)
    await takeOut(unit, lost)
  } else {
    await startNewLife(kernel, unit, lost)
  }
  return lost.length
}

/** Whether what was lost and what is under way are all the seqs of this life from one on. */
async function isWholeFrom(unit: Unit, seq: number, lost: readonly JournalEntry[]): Promise<boolean> {
  const { nextSeq } = await readQueue(unit)
  const unanswered = await readInflight(unit, { afterSeq: seq - 1 })
  const seqs = new Set([...unanswered, ...lost.map(({ operation }) => operation)].map((each) => each.seq))
  return seqs.size === nextSeq - seq
}

/** What was refused for now is not known there any more: it goes at once. */
async function reopen(unit: Unit, fromSeq: number): Promise<void> {
  for (const operation of await readInflight(unit, { afterSeq: fromSeq - 1 }))
    await revise(unit, operation, { ...operation, hole: null })
}

/** Puts an answered operation back into the queue; its record shows what it showed. */
async function sendAgain(unit: Unit, { operation, answer }: JournalEntry, seq: number | null): Promise<void> {
  await putBack(unit, { ...operation, seq, wasSent: true, hole: null, firstAnswer: answer })
  const row = (await readRow(unit, operation)) ?? emptyRow(operation)
  for (const later of await readPending(unit, row)) {
    // An edit on a version that is being made again: the operation that made it names it for good.
    const standsOnIt = later.baseOpId === null && later.baseVersion === answer.version
    const isAsSent = answer.code === 'applied' || answer.code === 'no_change'
    if (later.wasSent || !standsOnIt || !isAsSent || later.operation === 'CREATE') continue
    await revise(unit, later, { ...later, baseOpId: operation.opId })
  }
  const { fromScope } = operation
  if (fromScope != null) {
    const left = { ...operation, scope: fromScope }
    await writeRow(unit, { ...((await readRow(unit, left)) ?? emptyRow(left)), movedTo: operation.scope })
  }
  await writeRow(unit, {
    ...row,
    pending: [...row.pending, operation.ordinal].toSorted((a, b) => a - b),
    local: visibleData(row) ?? { data: null },
  })
}
