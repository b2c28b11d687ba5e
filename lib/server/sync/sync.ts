import { AppError } from '#lib/protocol/errors.ts'
import {
  protocolVersion,
  rejectionCodes,
  resyncReasons,
  syncRequestSchema,
  type RejectionCode,
  type ResyncReason,
  type SyncRequest,
} from '#lib/protocol/sync.ts'
import { isJsonObject, jsonPointer } from '#lib/core/json.ts'
import { syncLog } from '#lib/telemetry/sync-log.ts'
import type { Database } from '../db.ts'
import type { AuthenticatedDevice } from '../devices/authenticate.ts'
import { parseRequest } from '../http/parse.ts'
import { jitteredRetryMs } from '../http/reply.ts'
import { notifyChanged } from '../stream/notify.ts'
import type { SyncCounts, SyncRecord, TableCounts } from '../syncs/session.ts'
import type { Answer, DecidedBatch } from './batch.ts'
import { pull, type Pulled } from './pull.ts'
import { push, type Pushed } from './push.ts'
import { readChanges } from './read-changes.ts'

const defaultPullLimit = 500

export type SyncFacts = Pick<
  SyncRecord,
  | 'syncId'
  | 'incarnation'
  | 'counts'
  | 'tables'
  | 'scopes'
  | 'resync'
  | 'clockSkewMs'
  | 'reported'
  | 'acknowledged'
  | 'inProgress'
>

/** One answered request of a device: the reply as JSON text, and what is recorded of it. */
export type Synced = { body: string; facts: SyncFacts }

/**
 * One sync request: takes the batch, then reads the feed.
 * @param envelope the body as it was parsed
 * @param seen is told what is known of the request before anything can fail
 * @throws AppError every request-level error of protocol.md
 */
export async function sync(
  db: Database,
  device: AuthenticatedDevice,
  envelope: unknown,
  options: {
    traceId: string
    requestId: string
    sizeBytes: number
    seen: (facts: Partial<SyncFacts>) => void
  },
): Promise<Synced> {
  const request = readEnvelope(envelope, device)
  const incarnation = request.incarnation ?? device.incarnation
  const known = {
    syncId: request.sync_id ?? null,
    incarnation,
    clockSkewMs: request.device_time ? Date.parse(request.device_time) - Date.now() : null,
    reported: request.status ?? null,
    scopes: device.scopes,
  }
  options.seen(known)
  const context = {
    requestId: options.requestId,
    traceId: options.traceId,
    deviceId: device.id,
    syncId: known.syncId,
  }
  syncLog().started(context, { changes: request.changes.length, bytes: options.sizeBytes })
  if (device.status === 'paused') {
    throw new AppError(
      'throttled',
      'This device was paused by an operator. Its queue is safe where it is; it will be asked back.',
      {
        extras: { retry_after_ms: jitteredRetryMs(60_000) },
      },
    )
  }

  const granted = new Set(device.scopes)
  const pushed =
    request.changes.length + request.dead_letters.length > 0
      ? await push(db, {
          by: { kind: 'device', id: device.id },
          stream: { deviceId: device.id, incarnation },
          deviceId: device.id,
          changes: readChanges(request.changes),
          reported: request.dead_letters,
          granted: (scope) => granted.has(scope),
          schemaVersion: request.schema_version,
          traceId: options.traceId,
        })
      : nothingPushed
  announce(pushed)
  for (const conflict of pushed.decided?.conflicts ?? []) {
    syncLog().conflict(context, {
      conflictId: conflict.id,
      code: conflict.code,
      ...{
        scope: conflict.scope,
        table: conflict.table,
        recordId: conflict.record_id,
        fields: conflict.fields,
      },
      client: { version: conflict.base_version, data: conflict.client_data },
      server: { version: conflict.server_version, data: conflict.server_data },
    })
  }
  const pulled = await pull(db, {
    token: request.last_sync_token ?? null,
    scopes: device.scopes,
    limit: request.pull?.limit ?? defaultPullLimit,
    ownBatch: pushed.batch,
    resyncReason: asResyncReason(device.resyncReason),
  })
  const counts = countAnswers(pushed.answers, pulled)
  return {
    body: replyText(pushed.answers, pulled, options.traceId),
    facts: {
      ...known,
      counts,
      tables: countTables(pushed.answers),
      resync: pulled.resync,
      acknowledged: pulled.acknowledged,
      inProgress: pulled.hasMore || (request.status?.pending ?? 0) > counts.settled,
    },
  }
}

const nothingPushed: Omit<Pushed, 'decided'> & { decided: DecidedBatch | null } = {
  answers: [],
  batch: null,
  scopes: [],
  decided: null,
}

function readEnvelope(envelope: unknown, device: AuthenticatedDevice): SyncRequest {
  if (!isJsonObject(envelope)) throw new AppError('malformed', 'The body must be a JSON object.')
  const { protocol } = envelope
  if (typeof protocol === 'number' && protocol !== protocolVersion) {
    throw new AppError(
      'protocol_unsupported',
      `This server speaks protocol ${protocolVersion}. Update the app.`,
    )
  }
  // The changes are read one by one, later: what is wrong with one of them must not fail the request.
  const { changes, dead_letters: deadLetters, status, ...rest } = envelope
  const request = parseRequest(
    syncRequestSchema.omit({ changes: true, dead_letters: true, status: true }),
    rest,
  )
  const lists = syncRequestSchema.pick({ changes: true, dead_letters: true }).safeParse({
    ...(changes === undefined ? {} : { changes }),
    ...(deadLetters === undefined || deadLetters === null ? {} : { dead_letters: deadLetters }),
  })
  if (!lists.success) throw listError(lists.error.issues)
  if (request.device_id !== device.id) {
    throw new AppError('forbidden', 'device_id is not that of the token.')
  }
  return { ...request, ...lists.data, status: readStatus(status) }
}

function listError(issues: readonly { path: PropertyKey[]; message: string }[]): AppError {
  const errors = issues.map(({ path, message }) => ({
    pointer: jsonPointer(path),
    detail: message,
  }))
  return new AppError('invalid_request', `${errors[0]?.pointer}: ${errors[0]?.detail}`, {
    extras: { errors },
  })
}

/** A status that cannot be read costs its own news, never the changes it came with. */
function readStatus(status: unknown): SyncRequest['status'] {
  if (status === undefined || status === null) return undefined
  const read = syncRequestSchema.shape.status.safeParse(status)
  return read.success ? read.data : undefined
}

function announce({ scopes, decided }: { scopes: string[]; decided: DecidedBatch | null }): void {
  if (!decided) return
  const kinds = [
    ...(scopes.length > 0 ? (['record'] as const) : []),
    ...(decided.conflicts.length > 0 ? (['conflict'] as const) : []),
    ...(decided.deadLetters.length > 0 ? (['dead_letter'] as const) : []),
  ]
  if (kinds.length > 0) notifyChanged({ kinds, scopes })
}

function asResyncReason(reason: string | null): ResyncReason | null {
  return resyncReasons.find((known) => known === reason) ?? null
}

/** The answers are texts already, kept as they were first given: the reply is put together around them. */
function replyText(answers: readonly Answer[], pulled: Pulled, traceId: string): string {
  const list = (kind: Answer['kind']) =>
    answers
      .filter((answer) => answer.kind === kind)
      .map(({ text }) => text)
      .join(',')
  return (
    `{"sync_token":${JSON.stringify(pulled.token)},"epoch":"${pulled.epoch}",` +
    `"server_time":"${new Date().toISOString()}","trace_id":"${traceId}",` +
    `"accepted":[${list('accepted')}],"conflicts":[${list('conflict')}],"rejected":[${list('rejected')}],` +
    `"server_changes":[${pulled.changes}],"has_more":${pulled.hasMore},` +
    `"resync":${pulled.resync ? `{"reason":"${pulled.resync}"}` : 'null'},"retry_after_ms":0}`
  )
}

function countAnswers(answers: readonly Answer[], pulled: Pulled): SyncCounts {
  const count = (test: (answer: Answer) => boolean) => answers.filter(test).length
  return {
    pushed: answers.length,
    applied: count(({ outcome }) => outcome === 'applied'),
    merged: count(({ outcome }) => outcome === 'merged'),
    superseded: count(({ outcome }) => outcome === 'superseded'),
    noChange: count(({ outcome }) => outcome === 'no_change'),
    conflicts: count(({ kind }) => kind === 'conflict'),
    rejected: count(({ kind }) => kind === 'rejected'),
    replayed: count(({ replayed }) => replayed),
    pulled: pulled.delivered,
    settled: count(({ code }) => !comesAgain(code)),
  }
}

function comesAgain(code: string | null): boolean {
  return code !== null && code in rejectionCodes && rejectionCodes[code as RejectionCode].retryable
}

function countTables(answers: readonly Answer[]): Record<string, TableCounts> {
  const tables: Record<string, TableCounts> = {}
  for (const { table, kind, strategy } of answers) {
    if (table === null) continue
    const counts = (tables[table] ??= { pushed: 0, conflicts: 0, rejected: 0, strategy: strategy ?? '' })
    counts.pushed++
    if (kind === 'conflict') counts.conflicts++
    if (kind === 'rejected') counts.rejected++
    if (strategy) counts.strategy = strategy
  }
  return tables
}
