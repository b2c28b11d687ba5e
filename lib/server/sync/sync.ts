import { AppError } from '#lib/protocol/errors.ts'
import { lamportClock } from '#lib/core/lamport.ts'
import { resyncReasons, type ResyncReason } from '#lib/protocol/sync.ts'
import type { AuthenticatedDevice } from '../devices/authenticate.ts'
import { jitteredRetryMs } from '../http/reply.ts'
import type { SyncRecord } from '../syncs/session.ts'
import { answeredBefore, type AnsweredBefore } from './answered-before.ts'
import type { Answer, DecidedBatch } from './batch.ts'
import { unconfirmed } from './confirm.ts'
import { countAnswers, countTables } from './count-answers.ts'
import type { Engine } from './engine.ts'
import { pull, type Pulled } from './pull.ts'
import { push, type KnownFeed, type Pushed } from './push.ts'
import { undoSagas } from './undo-sagas.ts'
import { declareSchemas, readChanges } from './read-changes.ts'
import { readEnvelope } from './read-envelope.ts'
import { readToken } from './token.ts'

const defaultPullLimit = 500

export type SyncFacts = Pick<
  SyncRecord,
  | 'syncId'
  | 'clock'
  | 'incarnation'
  | 'schemas'
  | 'counts'
  | 'tables'
  | 'scopes'
  | 'resync'
  | 'clockSkewMs'
  | 'reported'
  | 'acknowledged'
  | 'inProgress'
>

/** One answered request of a device: the reply as JSON text in parts, and what is recorded of it. */
export type Synced = { body: readonly string[]; facts: SyncFacts }

/**
 * One sync request: takes the batch, then reads the feed.
 * @param envelope the body as it was parsed
 * @param seen is told what is known of the request before anything can fail
 * @throws AppError every request-level error of protocol.md
 */
export async function sync(
  engine: Engine,
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
  const clock = lamportClock()
  clock.receive(request.lamport ?? 0)
  const known = {
    clock,
    syncId: request.sync_id ?? null,
    incarnation,
    clockSkewMs: request.device_time ? Date.parse(request.device_time) - engine.now() : null,
    reported: request.status ?? null,
    scopes: device.scopes,
    schemas: { app: request.schema_version, tables: request.schema_versions },
  }
  options.seen(known)
  const context = {
    requestId: options.requestId,
    traceId: options.traceId,
    deviceId: device.id,
    syncId: known.syncId,
    clock,
  }
  engine.log.started(context, { changes: request.changes.length, bytes: options.sizeBytes })
  if (device.status === 'paused') {
    throw new AppError(
      'throttled',
      'This device was paused by an operator. Its queue is safe where it is; it will be asked back.',
      { extras: { retry_after_ms: jitteredRetryMs(60_000, engine.random) } },
    )
  }

  const token = await tokenOf(engine, request.last_sync_token)
  const granted = new Set(device.scopes)
  // Before anything is taken: what a new operation follows in this history was there before it.
  const unknown = request.confirm.length > 0 ? await unconfirmed(engine, device.id, request.confirm) : null
  const changes = readChanges(request.changes)
  const pushed =
    request.changes.length + request.dead_letters.length > 0
      ? await push(engine, {
          by: { kind: 'device', id: device.id },
          stream: { deviceId: device.id, incarnation },
          deviceId: device.id,
          changes: declareSchemas(changes, request.schema_versions),
          reported: request.dead_letters,
          token,
          bringsLost: (unknown?.length ?? 0) > 0,
          granted: (scope) => granted.has(scope),
          schemaVersion: request.schema_version,
          traceId: options.traceId,
        })
      : nothingPushed
  announce(engine, pushed)
  for (const conflict of pushed.decided?.conflicts ?? []) {
    engine.log.conflict(context, {
      conflictId: conflict.id,
      code: conflict.code,
      ...{ scope: conflict.scope, table: conflict.table, recordId: conflict.record_id },
      fields: conflict.fields,
      client: { version: conflict.base_version, data: conflict.client_data },
      server: { version: conflict.server_version, data: conflict.server_data },
    })
  }
  const toUndo = sagasToUndo(pushed.decided)
  await undoSagas(engine, toUndo, options.traceId)
  const pulled = await pull(engine, {
    token: request.last_sync_token ?? null,
    read: token,
    scopes: device.scopes,
    limit: request.pull?.limit ?? defaultPullLimit,
    ownBatch: pushed.batch,
    resyncReason: asResyncReason(device.resyncReason),
    page: toUndo.length > 0 ? null : pushed.page,
  })
  if (pulled.lost) {
    const note = { ...pulled.lost, device_id: device.id, trace_id: options.traceId }
    if (await engine.store.noteLostHistory(note)) engine.notify({ kinds: ['audit'] })
  }
  // A token of a history that was lost says nothing of this one.
  const before = await answeredBefore(engine, pulled.lost ? [] : pushed.answers, {
    ...{ changes, deviceId: device.id, token, granted, ...pushed.before },
  })
  const openConflicts = pulled.isLeaving ? await engine.store.openConflicts(device.id) : null
  // With a full sync due there is no page.
  const gone = pulled.resync ? [] : before.gone
  const counts = countAnswers(pushed.answers, pulled.delivered + gone.length)
  return {
    body: replyParts(
      pushed.answers,
      { ...pulled, changes: [...pulled.changes, ...gone.map((change) => JSON.stringify(change))] },
      {
        scopes: device.scopes,
        before,
        openConflicts,
        unknown,
        traceId: options.traceId,
        nowMillis: engine.now(),
        lamport: clock.tick(),
      },
    ),
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
  before: { seen: null, standing: null },
  page: null,
}

function announce(
  { notify }: Engine,
  { scopes, decided }: { scopes: string[]; decided: DecidedBatch | null },
): void {
  if (!decided) return
  const kinds = [
    ...(scopes.length > 0 ? (['record'] as const) : []),
    ...(decided.conflicts.length > 0 ? (['conflict'] as const) : []),
    ...(decided.deadLetters.length > 0 || decided.resent ? (['dead_letter'] as const) : []),
    ...(decided.sagas.length > 0 ? (['saga'] as const) : []),
  ]
  if (kinds.length > 0) notify({ kinds, scopes })
}

function sagasToUndo(decided: DecidedBatch | null): string[] {
  return (decided?.sagas ?? []).flatMap(({ id, state }) => (state === 'compensating' ? [id] : []))
}

async function tokenOf(engine: Engine, text: string | null | undefined): Promise<KnownFeed> {
  if (text === null || text === undefined) return null
  const token = readToken(text, engine.secret())
  return token?.epoch === (await engine.store.epoch()) ? token : 'foreign'
}

function asResyncReason(reason: string | null): ResyncReason | null {
  return resyncReasons.find((known) => known === reason) ?? null
}

/** The answers are texts already, kept as they were first given: the reply is put together around them. */
function replyParts(
  answers: readonly Answer[],
  pulled: Pulled,
  about: {
    traceId: string
    nowMillis: number
    lamport: number
    scopes: readonly string[]
    before: AnsweredBefore
    openConflicts: readonly string[] | null
    unknown: readonly string[] | null
  },
): string[] {
  const list = (kind: Answer['kind']) =>
    answers
      .filter((answer) => answer.kind === kind)
      .map(({ text }) => text)
      .join(',')
  const { traceId, nowMillis, lamport, scopes, before, openConflicts, unknown } = about
  const { covered, settled, restated } = before
  // A device that asks whether it is known what it sent must be able to tell that from its being taken as new.
  const repeated = answers.filter(({ replayed }) => replayed).length
  const listed = (name: string, items: readonly (string | object)[]) =>
    items.length > 0 ? `"${name}":${JSON.stringify(items)},` : ''
  const head =
    `{"sync_token":${JSON.stringify(pulled.token)},"epoch":"${pulled.epoch}",` +
    `"server_time":"${new Date(nowMillis).toISOString()}","trace_id":"${traceId}",` +
    `"accepted":[${list('accepted')}],"conflicts":[${list('conflict')}],"rejected":[${list('rejected')}],` +
    `"server_changes":[`
  const tail =
    `],"has_more":${pulled.hasMore},"lamport":${lamport},` +
    `"scopes":${JSON.stringify(scopes)},"repeated":${repeated},` +
    `${listed('covered', covered)}${listed('settled', settled)}${listed('restated', restated)}` +
    (openConflicts ? `"open_conflicts":${JSON.stringify(openConflicts)},` : '') +
    (unknown === null ? '' : `"unconfirmed":${JSON.stringify(unknown)},`) +
    `"resync":${pulled.resync ? `{"reason":"${pulled.resync}"}` : 'null'},"retry_after_ms":0}`
  return [head, ...pulled.changes.flatMap((changes, i) => (i === 0 ? [changes] : [',', changes])), tail]
}
