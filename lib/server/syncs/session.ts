import type { LamportClock } from '#lib/core/lamport.ts'
import type { ErrorCode } from '#lib/protocol/errors.ts'
import type { DeviceStatus, ResyncReason } from '#lib/protocol/sync.ts'

/** What became of the changes of one request. */
export type SyncCounts = {
  pushed: number
  applied: number
  merged: number
  superseded: number
  noChange: number
  conflicts: number
  rejected: number
  /** Answered from memory: these operations had been seen before. They are counted under their outcome too. */
  replayed: number
  pulled: number
  /** Answered for good: everything but the rejections that may come again. These no longer wait on the device. */
  settled: number
}

export const noCounts: SyncCounts = {
  pushed: 0,
  applied: 0,
  merged: 0,
  superseded: 0,
  noChange: 0,
  conflicts: 0,
  rejected: 0,
  replayed: 0,
  pulled: 0,
  settled: 0,
}

export type TableCounts = { pushed: number; conflicts: number; rejected: number; strategy: string }

/** One request to /sync, answered or failed, of a device that is known. */
export type SyncRecord = {
  /** Id of the request and of the sync session: a new UUID. */
  id: string
  /** The device's own id of the sync, shared by its requests. */
  syncId: string | null
  /** Numbered what the log tells of it so far. */
  clock: LamportClock
  deviceId: string
  incarnation: string | null
  startedAt: Date
  durationMs: number
  /** HTTP status of the answer. */
  status: number
  errorCode: ErrorCode | null
  counts: SyncCounts
  tables: Record<string, TableCounts>
  /** Scopes that the request pushed to or read from. */
  scopes: string[]
  resync: ResyncReason | null
  /** After decompression. */
  requestBytes: number
  responseBytes: number
  appVersion: string
  traceId: string | null
  /** device_time − server time at receipt. */
  clockSkewMs: number | null
  /** The schemas that the app has: a number for all tables, and those it gave for some. */
  schemas?: { app: number; tables: Record<string, number> } | null
  /** The request's `status`. */
  reported: DeviceStatus | null
  /** {scope: seq} of the token the device sent back. */
  acknowledged: Record<string, number> | null
  /** The device will come again at once: pages to pull or changes to push are left. */
  inProgress: boolean
}

/** ok: everything went through. partial: answered, but some changes were rejected or are in conflict. */
export type SyncOutcome = 'ok' | 'partial' | 'failed'

export function syncOutcome({ status, counts }: Pick<SyncRecord, 'status' | 'counts'>): SyncOutcome {
  if (status >= 400) return 'failed'
  return counts.conflicts + counts.rejected > 0 ? 'partial' : 'ok'
}
