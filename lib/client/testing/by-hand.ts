import { applyAnswers, type AnswerSummary } from '../answers.ts'
import { newIdentity } from '../identity.ts'
import { createKernel, transact, type Kernel } from '../kernel.ts'
import { createMemoryStore } from '../memory-store.ts'
import { assignSeqs, readLanes } from '../queue.ts'
import { syncReplySchema } from '../replies.ts'
import { applyServerChange } from '../server-changes.ts'
import { openStamps } from '../stamps.ts'
import type { PendingOperation, RecordKey } from '../stored.ts'
import { seededRandom } from './bench.ts'
import { sha256Hex } from './model-answers.ts'

/** A clock that stands still. */
export const clock = { nowMs: () => Date.parse('2026-11-22T08:00:00Z'), schedule: () => () => {} }

/** A device without a server: the test says what it is told, and in which order. */
export async function deviceByHand(scopes: readonly string[] = ['default']): Promise<Kernel> {
  const transport = { send: () => Promise.reject(new Error('nothing is sent here')) }
  const storage = createMemoryStore()
  const kernel = createKernel({ storage, transport, clock, random: seededRandom(1), sha256Hex })
  await transact(kernel, async (unit) =>
    unit.putMeta('identity', { ...newIdentity('device', 'life'), scopes: [...scopes] }),
  )
  return kernel
}

/** Puts what waits on its way. */
export function send(kernel: Kernel): Promise<readonly PendingOperation[]> {
  return transact(kernel, async (unit) => assignSeqs(unit, (await readLanes(unit, 9)).flat()))
}

/** Takes the first of a batch as answered so. @param besides what else the reply says */
export function take(
  kernel: Kernel,
  batch: readonly PendingOperation[],
  given: object,
  besides: object = {},
): Promise<AnswerSummary> {
  const [operation] = batch
  const named = { op_id: operation!.opId, record_id: operation!.id, ...given }
  const isRefused = 'retryable' in named
  const isClash = 'conflict_id' in named
  const reply = syncReplySchema.parse({
    ...{ sync_token: null, epoch: 'e', server_time: '2026-11-22T08:00:00Z', has_more: false, resync: null },
    ...{
      accepted: isRefused || isClash ? [] : [named],
      rejected: isRefused ? [named] : [],
      conflicts: isClash ? [named] : [],
      server_changes: [],
      ...besides,
    },
  })
  return transact(kernel, async (unit) =>
    applyAnswers(kernel, unit, await openStamps(unit, clock, 'device'), batch, reply),
  )
}

/** @param toScope for a LEAVE: where it went, of this device's scopes */
export function news(
  kernel: Kernel,
  { scope, table, id }: RecordKey,
  told: {
    operation: 'UPSERT' | 'DELETE' | 'LEAVE'
    version: number
    data: { name: string } | null
    conflict_id?: string
  },
  toScope: string | null = null,
): Promise<RecordKey> {
  const change = { scope, table, record_id: id, checksum: null, hlc: null, conflict_id: null, ...told }
  return transact(kernel, async (unit) =>
    applyServerChange(kernel, unit, await openStamps(unit, clock, 'device'), change, { toScope }),
  )
}
