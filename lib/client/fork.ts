import { randomId } from './identifiers.ts'
import { readIdentity } from './identity.ts'
import type { Kernel } from './kernel.ts'
import { inheritPriority, readInflight, restartQueue, revise } from './queue.ts'
import { readPending, readRow } from './rows.ts'
import type { Unit } from './unit.ts'

/**
 * Starts a new incarnation: this store was cloned or restored, or the server has lost track of the
 * old one. Everything unanswered is sent again under new seqs and its own op ids, so what the server
 * did already take it answers as before.
 */
export async function startNewLife(kernel: Kernel, unit: Unit): Promise<void> {
  const identity = await readIdentity(unit)
  const unanswered = await readInflight(unit)
  await restartQueue(unit)
  for (const operation of unanswered) {
    const row = await readRow(unit, operation)
    await inheritPriority(unit, await readPending(unit, row))
  }
  unit.putMeta('identity', { ...identity, incarnation: randomId(kernel.random) })
}

/**
 * Goes on where the server wants to: everything from that seq on counts as never answered.
 * A server that wants what it has acknowledged before has lost it, and gets a new incarnation.
 */
export async function closeGap(kernel: Kernel, unit: Unit, expectedSeq: number): Promise<void> {
  const missing = (await readInflight(unit)).filter(({ seq }) => seq !== null && seq >= expectedSeq)
  if (missing[0]?.seq !== expectedSeq) return startNewLife(kernel, unit)
  for (const operation of missing) await revise(unit, operation, { ...operation, hole: null })
}
