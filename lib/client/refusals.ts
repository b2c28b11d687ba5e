import { retryDelayMs } from '#lib/core/backoff.ts'
import { recordChecksum } from '#lib/protocol/checksum.ts'
import { rebaseOnto } from './edits.ts'
import { randomUnit, timeOrderedId } from './identifiers.ts'
import { readIdentity } from './identity.ts'
import type { Kernel } from './kernel.ts'
import { dequeue, revise } from './queue.ts'
import type { ReadRejected } from './replies.ts'
import { forgetMove, undoMove } from './rehome.ts'
import { restampAhead } from './restamp.ts'
import { readPending, readRow, settled, settleOperation, writeRow } from './rows.ts'
import type { Stamps } from './stamps.ts'
import type { PendingOperation } from './stored.ts'
import type { Unit } from './unit.ts'

/**
 * Takes an operation that will not succeed as it is out of the queue and keeps it as a dead letter.
 * What was chained to it moves onto what it was made on.
 */
export async function buryOperation(
  unit: Unit,
  operation: PendingOperation,
  reason: { code: string; detail: string; deadLetterId: string | null; isReported: boolean; atMs: number },
): Promise<void> {
  const { opId, firstAnswer } = operation
  const known = await unit.get('dead_letters', opId)
  // The app let go of it when it was refused the first time: once is enough.
  if (known !== undefined || firstAnswer?.kind !== 'rejected') {
    unit.put('dead_letters', opId, {
      operation,
      ...reason,
      isDismissed: known?.isDismissed ?? false,
      attempts: (operation.hole?.attempts ?? 0) + 1,
    })
  }
  const row = await settleOperation(unit, operation, reason.atMs)
  const dropped: number[] = []
  for (const next of await readPending(unit, row)) {
    if (next.baseOpId !== operation.opId || next.wasSent) continue
    const rebased = rebaseOnto(operation, next)
    // What is made anew, or not at all, is not moved.
    if (rebased?.fromScope == null) await forgetMove(unit, next)
    if (rebased) await revise(unit, next, rebased)
    else {
      await dequeue(unit, next)
      dropped.push(next.ordinal)
    }
  }
  const pending = row.pending.filter((ordinal) => !dropped.includes(ordinal))
  const kept = settled({ ...row, pending })
  await writeRow(unit, kept)
  await undoMove(unit, kept, operation)
}

/**
 * The server answered this op id with other content: a twin of this device sent it as it was then.
 * Both are edits in their own right, so this one goes under an id of its own, in the same place.
 */
export async function reissueOperation(
  kernel: Kernel,
  unit: Unit,
  operation: PendingOperation,
): Promise<void> {
  const opId = timeOrderedId(kernel.clock, kernel.random)
  const hole = { code: 'invalid_change', attempts: 0, notBeforeMs: kernel.clock.nowMs() }
  await revise(unit, operation, { ...operation, opId, isShared: false, hole })
  for (const next of await readPending(unit, await readRow(unit, operation))) {
    if (next.baseOpId === operation.opId) await revise(unit, next, { ...next, baseOpId: opId })
  }
}

/**
 * Repairs an operation the server refused for now and keeps it for another attempt under its seq.
 * @returns true if this was its last attempt and it became a dead letter instead
 */
export async function holdOperation(
  kernel: Kernel,
  unit: Unit,
  stamps: Stamps,
  operation: PendingOperation,
  answer: ReadRejected,
  retryAfterMs: number,
): Promise<boolean> {
  // One that waits for an earlier one has not failed; that one's attempts end the waiting.
  const counts = answer.code === 'dependency_pending' ? 0 : 1
  const attempts = (operation.hole?.attempts ?? 0) + counts
  // That one may be days away, or never come: a saga waits until it times out.
  const isSagaWaiting = counts === 0 && operation.saga !== null
  const waits = (operation.hole?.waits ?? 0) + (isSagaWaiting ? 1 : 0)
  const nowMs = kernel.clock.nowMs()
  if (attempts >= kernel.policy.maxAttempts) {
    const detail = `gave up after ${attempts} attempts; the last answer was ${answer.code}: ${answer.detail}`
    await buryOperation(unit, operation, {
      code: 'retries_exceeded',
      detail,
      deadLetterId: null,
      isReported: false,
      atMs: nowMs,
    })
    return true
  }
  // What this device can put right itself is sent again at once the first time; the rest has to wait.
  const isRepaired = answer.code === 'clock_skew' || answer.code === 'checksum_mismatch'
  const notBeforeMs =
    isRepaired && attempts === 1
      ? nowMs
      : nowMs +
        retryDelayMs({
          attempt: Math.max(0, attempts - 1, isSagaWaiting ? waits - 1 : 0),
          policy: kernel.policy.backoff,
          random: randomUnit(kernel.random),
          retryAfterMs,
        })
  const { deviceId } = await readIdentity(unit)
  const isSkewed = answer.code === 'clock_skew'
  const repaired = isSkewed
    ? await restampAhead(kernel, unit, stamps, { operation, deviceId, isRefused: true })
    : operation
  await revise(unit, repaired, {
    ...repaired,
    ...(answer.code === 'checksum_mismatch'
      ? { checksum: recordChecksum(operation.data, kernel.sha256Hex) }
      : {}),
    hole: { code: answer.code, attempts, ...(waits > 0 && { waits }), notBeforeMs },
  })
  return false
}
