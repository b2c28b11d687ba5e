import type { Breaker } from '#lib/core/breaker.ts'
import { priorities, protocolVersion, type ChangeInput, type SyncRequestInput } from '#lib/protocol/sync.ts'
import type { Diary } from './diary.ts'
import { readIdentity } from './identity.ts'
import type { Kernel } from './kernel.ts'
import { pendingCount, readOperations, readQueue } from './queue.ts'
import { lanePrefix, type DeadLetter, type PendingOperation } from './stored.ts'
import type { Unit } from './unit.ts'

/** Dead letters told to the server in one request; the rest follow with the next. */
export const REPORTED_DEAD_LETTERS = 20

/** The body of POST /api/v1/sync. */
export async function buildEnvelope(
  kernel: Kernel,
  unit: Unit,
  parts: {
    /** The same in every request of one sync, so that the server can show them together. */
    syncId: string
    batch: readonly PendingOperation[]
    /** Answers that the server is asked to confirm. */
    confirm: SyncRequestInput['confirm']
    deadLetters: readonly DeadLetter[]
    diary: ReturnType<Diary['open']>
    state: ReturnType<Diary['state']>
    breaker: Breaker
    retries: number
  },
): Promise<object> {
  const identity = await readIdentity(unit)
  const feed = await unit.meta('feed', { token: null, epoch: null, lastSyncAtMs: null })
  const queue = await readQueue(unit)
  const oldest = await oldestPendingMs(unit)
  return {
    protocol: protocolVersion,
    device_id: identity.deviceId,
    incarnation: identity.incarnation,
    sync_id: parts.syncId,
    lamport: kernel.lamport.tick(),
    last_sync_token: feed.token,
    // The clock as it is, not as corrected: the server measures by it how wrong the device is.
    device_time: isoTime(kernel.clock.nowMs()),
    schema_version: parts.batch[0]?.schemaVersion ?? kernel.policy.schemaVersion,
    changes: parts.batch.map(toChange),
    ...(parts.confirm?.length ? { confirm: parts.confirm } : {}),
    dead_letters: parts.deadLetters.map(({ operation, code, detail, attempts }) => ({
      op_id: operation.opId,
      table: operation.table,
      record_id: operation.id,
      code,
      detail,
      attempts,
      change: toChange(operation),
    })),
    status: {
      state: parts.state,
      pending: pendingCount(queue),
      pending_by_priority: queue.pending,
      oldest_pending_at: oldest === null ? null : isoTime(oldest),
      retries: parts.retries,
      breaker: parts.breaker.state,
      storage_bytes: await kernel.storage.sizeBytes(),
      transitions: parts.diary.transitions.map(({ atMs, from, to, reason }) => ({
        at: isoTime(atMs),
        from,
        to,
        reason,
      })),
      errors: parts.diary.mishaps.map(({ atMs, code, detail }) => ({ at: isoTime(atMs), code, detail })),
    },
    pull: { limit: kernel.policy.pullLimit },
  }
}

/** An operation as it goes over the wire. */
export function toChange(operation: PendingOperation): ChangeInput {
  return {
    op_id: operation.opId,
    // A dead letter that never had a seq is reported, not sent; the field is then without meaning.
    seq: operation.seq ?? 0,
    table: operation.table,
    operation: operation.operation,
    record_id: operation.id,
    scope: operation.madeIn ?? operation.scope,
    ...(operation.fromScope == null ? {} : { from_scope: operation.fromScope }),
    base_version: operation.baseVersion,
    ...(operation.baseChecksum === null ? {} : { base_checksum: operation.baseChecksum }),
    ...(operation.baseOpId === null ? {} : { base_op_id: operation.baseOpId }),
    ...(operation.contains?.length ? { contains: [...operation.contains] } : {}),
    ...(operation.data === null ? {} : { data: operation.data }),
    ...(operation.textOps === null ? {} : { text_ops: operation.textOps }),
    hlc: operation.hlc,
    checksum: operation.checksum,
    ...(operation.firstChecksum == null ? {} : { first_checksum: operation.firstChecksum }),
    priority: operation.priority,
    ...(operation.saga === null ? {} : { saga: operation.saga }),
  }
}

/** The first of each lane is its oldest; what is in flight was taken from the front of one. */
async function oldestPendingMs(unit: Unit): Promise<number | null> {
  const firsts = await Promise.all([
    unit.scan('inflight', { limit: 1 }),
    ...priorities.map((priority) => unit.scan('outbox', { prefix: lanePrefix(priority), limit: 1 })),
  ])
  const operations = await readOperations(
    unit,
    firsts.flat().map((entry) => entry.value.ordinal),
  )
  const times = operations.map((operation) => operation.editedAtMs)
  return times.length === 0 ? null : Math.min(...times)
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}
