import { randomId } from './identifiers.ts'
import { readIdentity } from './identity.ts'
import { doubt, readJournal, readJournalDocument, readWholeJournal, takeOut, undoubted } from './journal.ts'
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
 * The server says that it is another device's seq. While it is not sure either what the server still
 * knows of what it acknowledged, all of that goes again under the new incarnation. Otherwise it is asked whether it knows the
 * last of it: a server that was restored may have taken the twin's operations in the place of this store's.
 */
export async function divideFromTwin(kernel: Kernel, unit: Unit): Promise<void> {
  const { mustProbe, resending, lastKey } = await readJournalDocument(unit)
  await markShared(unit)
  const isLost = mustProbe || resending > 0
  await startNewLife(kernel, unit, isLost ? await readWholeJournal(unit) : [])
  if (isLost) await probed(unit)
  else if (lastKey !== null) await doubt(unit, lastKey)
}

/**
 * Goes on where the server wants to: everything from that seq on counts as never answered. Where the
 * server did acknowledge some of it, it was restored to an older state; what it lost is sent again
 * as it was, before anything new, and then everything the server has is fetched.
 * @param life the incarnation, by its number, that the server spoke of
 * @returns how many acknowledged operations go again
 */
export async function closeGap(
  kernel: Kernel,
  unit: Unit,
  { expectedSeq, life }: { expectedSeq: number; life: number },
): Promise<number> {
  const identity = await readIdentity(unit)
  const { nextSeq } = await readQueue(unit)
  const unanswered = (await readInflight(unit)).filter(({ seq }) => seq !== null && seq >= expectedSeq)
  const beyond = await lostFrom(unit, life, expectedSeq)
  const lost = beyond.length > 0 ? [...(await doubtfulBefore(unit, life, expectedSeq)), ...beyond] : beyond
  const seqs = new Set([...unanswered, ...beyond.map((entry) => entry.operation)].map(({ seq }) => seq))
  // The same seqs again only where none is missing: one that was given up, or is no longer kept, leaves a gap.
  const isWhole =
    life === identity.life &&
    lost.every((entry) => entry.life === life) &&
    seqs.size === nextSeq - expectedSeq
  if (isWhole) {
    for (const operation of unanswered) await revise(unit, operation, { ...operation, hole: null })
    for (const entry of lost) await sendAgain(unit, entry, entry.operation.seq)
    await takeOut(unit, lost)
  } else {
    await startNewLife(kernel, unit, lost)
  }
  if (lost.length > 0) await beginSnapshot(unit, 'server_restored', { anew: true })
  await probed(unit)
  return lost.length
}

/**
 * A restored server holds what it held at one moment. So where it knows the beginning of an
 * incarnation, it knows all of the earlier ones.
 */
async function lostFrom(unit: Unit, life: number, expectedSeq: number): Promise<readonly JournalEntry[]> {
  if (expectedSeq <= 1) return readWholeJournal(unit)
  const { life: newest } = await readIdentity(unit)
  const lost = [...(await readJournal(unit, life, expectedSeq))]
  for (let later = life + 1; later <= newest; later++) lost.push(...(await readJournal(unit, later, 1)))
  return lost
}

/**
 * What a restored server has to be asked about below the end of what it knows: what it may have open again, and the last
 * of it, which is not this store's where a twin of it went on there first.
 */
async function doubtfulBefore(unit: Unit, life: number, seq: number): Promise<readonly JournalEntry[]> {
  const repaired = await repairedBefore(unit, life, seq)
  const last = (await readJournal(unit, life, 1)).findLast(({ operation }) => (operation.seq ?? 0) < seq)
  const isNamed = repaired.some(({ operation }) => operation.opId === last?.operation.opId)
  return last === undefined || isNamed ? repaired : [...repaired, last]
}

/** What a restored server may have open again, below the end of what it knows: it was refused for now, and repaired later. */
async function repairedBefore(unit: Unit, life: number, seq: number): Promise<readonly JournalEntry[]> {
  const entries = await readWholeJournal(unit)
  return entries.filter((entry) => {
    const isBefore = entry.life < life || (entry.life === life && (entry.operation.seq ?? 0) < seq)
    return isBefore && entry.wasRepaired === true
  })
}

/**
 * Puts back what the server was found to have lost; and what was repaired, since the end of the stream may be where it was,
 * and no gap tell what is open again below it.
 */
export async function sendRepairedAgain(unit: Unit, lost: readonly JournalEntry[] = []): Promise<void> {
  const { life } = await readIdentity(unit)
  const named = new Set(lost.map(({ operation }) => operation.opId))
  const repaired = await repairedBefore(unit, life + 1, 0)
  const entries = [...lost, ...repaired.filter(({ operation }) => !named.has(operation.opId))]
  for (const entry of entries) await sendAgain(unit, entry, entry.life === life ? entry.operation.seq : null)
  await takeOut(unit, entries)
}

/** Puts an answered operation back into the queue; its record shows what it showed. */
export async function sendAgain(
  unit: Unit,
  { operation, answer }: JournalEntry,
  seq: number | null,
): Promise<void> {
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

/** Whether the server still knows what it acknowledged is being found out by sending it. */
async function probed(unit: Unit): Promise<void> {
  await undoubted(unit, [])
}
