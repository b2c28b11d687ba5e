import type { Logger } from 'pino'
import type { Json } from '#lib/core/json.ts'
import type { LamportClock } from '#lib/core/lamport.ts'
import { logger, plainLogger } from './log.ts'

/** What every line about a sync carries. `requestId` is the id of the sync session. */
export type SyncContext = {
  requestId: string
  traceId: string | null
  deviceId: string
  syncId: string | null
  /** Numbers the events of the sync: their order, whichever process wrote them and whatever its clock says. */
  clock: LamportClock
}

type Version = { version: number; data: Json }

/** The events of a sync that an operator searches for, each with request id and trace id. */
export function syncLog(to: Logger = logger, plain: Logger = to === logger ? plainLogger : to) {
  const about = ({ requestId, traceId, deviceId, syncId, clock }: SyncContext) => ({
    lamport: clock.tick(),
    request_id: requestId,
    ...(traceId === null ? {} : { trace_id: traceId }),
    device_id: deviceId,
    sync_id: syncId,
  })
  return {
    started(sync: SyncContext, { changes, bytes }: { changes: number; bytes: number }): void {
      plain.info({ event: 'sync.started', ...about(sync), changes, bytes }, 'sync started')
    },

    completed(
      sync: SyncContext,
      result: {
        outcome: string
        durationMs: number
        pushed: number
        pulled: number
        conflicts: number
        rejected: number
      },
    ): void {
      const { durationMs, ...counts } = result
      plain.info(
        { event: 'sync.completed', ...about(sync), duration_ms: Math.round(durationMs), ...counts },
        'sync completed',
      )
    },

    /** Both versions, so that the log alone tells what clashed. */
    conflict(
      sync: SyncContext,
      conflict: {
        conflictId: string | null
        code: string
        scope: string
        table: string
        recordId: string
        fields: string[]
        client: Version
        server: Version
      },
    ): void {
      const { conflictId, recordId, ...rest } = conflict
      to.warn(
        { event: 'sync.conflict', ...about(sync), conflict_id: conflictId, record_id: recordId, ...rest },
        'conflict detected',
      )
    },

    /** The device tried before: it says so itself, or operations came that were answered already. */
    retried(sync: SyncContext, { retries, replayed }: { retries: number; replayed: number }): void {
      plain.info({ event: 'sync.retried', ...about(sync), retries, replayed }, 'sync retried')
    },

    failed(
      sync: SyncContext,
      failure: { status: number; code: string; durationMs: number; error?: unknown },
    ): void {
      const { durationMs, error, ...rest } = failure
      const line = {
        event: 'sync.failed',
        ...about(sync),
        ...rest,
        duration_ms: Math.round(durationMs),
        err: error,
      }
      if (failure.status >= 500) to.error(line, 'sync failed')
      else to.warn(line, 'sync failed')
    },
  }
}
