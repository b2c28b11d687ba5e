import type { Diary } from './diary.ts'
import { SyncFailure } from './failure.ts'
import { closeGap, divideFromTwin, startNewLife } from './fork.ts'
import { transact, type Kernel } from './kernel.ts'
import { buryOperation } from './refusals.ts'
import type { PendingOperation } from './stored.ts'
import type { Unit } from './unit.ts'

/**
 * Puts right what the server found wrong with the queue.
 * @param batch what the request carried
 * @returns what to do: send again, send fewer at once, or nothing that would help
 */
export async function repairQueue(
  kernel: Kernel,
  diary: Diary,
  failure: unknown,
  batch: readonly PendingOperation[],
): Promise<'again' | 'smaller' | 'none'> {
  if (!(failure instanceof SyncFailure)) return 'none'
  if (failure.code === 'device_forked') {
    await transact(kernel, (unit) => divideFromTwin(kernel, unit))
    return 'again'
  }
  if (failure.code === 'seq_gap') {
    const expectedSeq = failure.expectedSeq ?? 1
    const lost = await transact(kernel, (unit) => closeGap(kernel, unit, expectedSeq))
    if (lost > 0) {
      const what = `the server asks for operation ${expectedSeq}`
      diary.mishap('server_restored', `${what}, and had acknowledged ${lost} from there on`)
    }
    return 'again'
  }
  const [operation, ...others] = batch
  if (failure.code !== 'payload_too_large' || !operation) return 'none'
  if (others.length > 0) return 'smaller'
  await transact(kernel, (unit) => giveUpUnsendable(kernel, unit, operation))
  return 'again'
}

/** The server never takes this operation in, so its seq would stay a gap: the others start over without it. */
async function giveUpUnsendable(kernel: Kernel, unit: Unit, operation: PendingOperation): Promise<void> {
  await buryOperation(unit, operation, {
    code: 'record_too_large',
    detail: 'the server refuses a request that holds this change alone',
    deadLetterId: null,
    isReported: true,
    atMs: kernel.clock.nowMs(),
  })
  await startNewLife(kernel, unit)
}
