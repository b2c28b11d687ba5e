import { lastStampOf, placeInStream, type Place, type Placement } from '#lib/core/stream.ts'
import { AppError } from '#lib/protocol/errors.ts'
import type { ChangeActor } from '#lib/protocol/sync.ts'
import { spanAttributes, tailSpan, withSpan } from '#lib/telemetry/trace.ts'
import { auditRows, type AuditEntry } from '../audit/append.ts'
import { jitteredRetryMs } from '../http/reply.ts'
import type { Answer, BatchContext, DecidedBatch } from './batch.ts'
import { decideBatch } from './decide-batch.ts'
import { feedDigest } from './digest.ts'
import type { Engine } from './engine.ts'
import { findMisfit, isLost } from './history.ts'
import type { FeedPage } from './feed-page.ts'
import { knownPage } from './known-page.ts'
import { loadWhereItIs } from './load-batch.ts'
import type { ReadChange } from './read-changes.ts'
import { reportedDeadLetters } from './reported-dead-letters.ts'
import type { SagaRetryRow, SagaRow, SagaUndoRow } from './saga-rows.ts'
import type { SyncToken } from './token.ts'
import type { ReopenRow, ReplayRow, ResolveRow } from './settling-rows.ts'
import type { Committed, CommitRequest, Loaded } from './store.ts'

/** How often a batch is decided again because what it rests on moved, before the sender is asked to come back. */
const maxTries = 12

export type Push = {
  by: ChangeActor
  /** The stream the operations belong to; null for those of a person or the system, and for replays. */
  stream: { deviceId: string; incarnation: string } | null
  /** The device in whose name the operations are made. */
  deviceId: string | null
  changes: readonly ReadChange[]
  /** Operations the device gave up, as it reports them. */
  reported: readonly unknown[]
  token?: KnownFeed
  /** The device was answered what this server does not know, and has yet to send it again. */
  bringsLost?: boolean
  granted: (scope: string) => boolean
  schemaVersion: number
  traceId: string
  annotations?: Pick<BatchContext, 'conflictId' | 'deadLetterId' | 'exact' | 'undoes' | 'retryOf'>
  /** Sagas to load beside those the changes name. */
  sagas?: readonly string[]
  /** Keep what is refused for good as dead letters, although it came in no stream. */
  keepsRefused?: boolean
  /** What else the same transaction writes, once the batch is decided. */
  also?: (
    decided: DecidedBatch,
    loaded: Loaded,
  ) => {
    resolve?: ResolveRow
    reopen?: ReopenRow
    replay?: ReplayRow
    sagas?: SagaRow[]
    sagaUndos?: SagaUndoRow[]
    sagaRetry?: SagaRetryRow
    audit?: AuditEntry[]
  }
  /** Decide and answer, write nothing. */
  dryRun?: boolean
}

/** What a device knows of the feed: null for nothing; `foreign` is no token of this server's history. */
export type KnownFeed = SyncToken | 'foreign' | null

export type Pushed = {
  answers: Answer[]
  /** null where nothing was to be written. */
  batch: string | null
  /** Scopes in which the batch was published. */
  scopes: string[]
  decided: DecidedBatch
  /** What was there before the batch: answers given already, and where the device's token stood. */
  before: Pick<Loaded, 'seen' | 'standing'>
  /** What there is to pull in the scopes of the batch, where that is known by the way. */
  page: FeedPage | null
}

/**
 * Takes a batch: two calls of the database, whatever its size. Reads without locks what the decisions rest on, decides,
 * then one transaction locks, sees that nothing moved, writes everything and publishes last. What moved meanwhile is
 * decided again.
 * @throws AppError `device_forked`, `seq_gap`, `stale` (see `also`), `unavailable` when the records stay too busy
 */
export async function push(engine: Engine, request: Push): Promise<Pushed> {
  const first = await tryPush(engine, request, 1)
  if (first) return first
  for (let attempt = 2; attempt <= maxTries; attempt++) {
    const again = await engine.turns(turnOf(request), () => tryPush(engine, request, attempt))
    if (again) return again
    await engine.sleep(engine.random() * 5 * attempt)
  }
  throw new AppError(
    'unavailable',
    'These records are being changed by many at once. Nothing was written; try again.',
    { extras: { retry_after_ms: jitteredRetryMs(1_000, engine.random) } },
  )
}

/** Batches of one scope that were overtaken try again one after the other, so that they do not overtake each other for ever. */
const turnOf = ({ changes }: Push) => changes.find(({ change }) => change)?.change?.scope ?? ''

async function tryPush(engine: Engine, request: Push, attempt: number): Promise<Pushed | null> {
  const loaded = await withSpan('sync.load', { [spanAttributes.attempts]: attempt }, () =>
    loadWhereItIs(engine, request),
  )
  const placement = withSpan('sync.dedupe', {}, (span) => {
    const placed = place(request, loaded)
    const replays = [...placed.places.values()].filter(({ kind }) => kind === 'replay').length
    span.setAttribute(spanAttributes.replayed, replays)
    return placed
  })
  const reported = reportsOf(request, loaded)
  const decided = withSpan('sync.decide', { [spanAttributes.changes]: request.changes.length }, (span) => {
    const decision = decideBatch(request.changes, placement, loaded, {
      deviceId: request.deviceId,
      incarnation: request.stream?.incarnation ?? null,
      granted: request.granted,
      schemaVersion: request.schemaVersion,
      nowMillis: Date.parse(loaded.now),
      policies: (name) => engine.policies.get(name),
      newId: engine.newId,
      givenUp: reported.givenUp,
      history: historyOf(request.token ?? null, loaded),
      wasRestored: loaded.was_restored,
      bringsLost: request.bringsLost ?? false,
      ...request.annotations,
    })
    span.setAttributes(countByKind(decision.answers))
    return decision
  })
  const commit = commitRequest(request, loaded, placement, { decided, reported, batch: engine.newId() })
  const { answers } = decided
  const pageAfter = (heads: Committed['heads']) => knownPage(request.token ?? null, loaded, heads, decided)
  if (request.dryRun || commit === null)
    return { answers, batch: null, scopes: [], decided, before: loaded, page: pageAfter({}) }

  const began = performance.now()
  const committed = await withSpan(
    'sync.write',
    { [spanAttributes.changes]: decided.changes.length },
    (span) =>
      engine.store.commit(commit).then((result) => {
        if (typeof result === 'string') span.setAttribute(spanAttributes.outcome, result)
        else tailSpan('sync.commit', performance.now() - began - result.write_ms)
        return result
      }),
  )
  if (committed === 'moved') return null
  if (committed === 'stale') {
    throw new AppError('stale', 'Someone else settled this first. Nothing was written; look again.')
  }
  const { heads } = committed
  return {
    ...{ answers, batch: commit.batch, scopes: Object.keys(heads), decided, before: loaded },
    page: pageAfter(heads),
  }
}

/** Whether versions mean to the device what they mean here. */
function historyOf(token: KnownFeed, { standing }: Loaded): BatchContext['history'] {
  if (token === null) return 'ours'
  if (token === 'foreign') return 'other'
  const misfit = findMisfit(standing ?? [], token, false)
  return misfit && isLost(misfit) ? 'other' : 'ours'
}

function place({ stream, changes, deviceId }: Push, loaded: Loaded): Placement & { kind: 'placed' } {
  if (!stream) {
    const places = new Map<number, Place>(changes.map(({ index }) => [index, { kind: 'fresh', seq: 0 }]))
    return { kind: 'placed', places, lastSeq: 0, order: changes.map(({ index }) => index) }
  }
  const placement = placeInStream(
    {
      lastSeq: loaded.stream?.last_seq ?? 0,
      holes: new Map((loaded.holes ?? []).map((hole) => [hole.seq, { opId: hole.op_id }])),
      forgotten: (loaded.forgotten ?? [])
        .filter(({ incarnation }) => incarnation !== stream.incarnation)
        .map(({ until_ms, last_hlc }) => ({ untilMs: until_ms, lastHlc: last_hlc })),
    },
    new Map(
      (loaded.seen ?? []).map((seen) => [
        seen.op_id,
        { opId: seen.op_id, hash: seen.hash, ownDevice: seen.device_id === deviceId },
      ]),
    ),
    changes,
  )
  switch (placement.kind) {
    case 'placed':
      return placement
    case 'forked':
      throw new AppError(
        'device_forked',
        'What came again at an answered seq is not what was answered there, or that answer is kept no more: this store ' +
          'was cloned, restored, or away for too long. ' +
          'Nothing was written. Take a new incarnation and send everything unanswered again under new seqs.',
        { extras: { acknowledged_seq: placement.acknowledgedSeq } },
      )
    case 'gap':
      throw new AppError(
        'seq_gap',
        `Operations before this batch are missing. Send from seq ${placement.expectedSeq}.`,
        { extras: { expected_seq: placement.expectedSeq } },
      )
  }
}

type Reports = ReturnType<typeof reportedDeadLetters>

function reportsOf({ stream, reported, schemaVersion }: Push, loaded: Loaded): Reports {
  return stream
    ? reportedDeadLetters(reported, loaded.holes ?? [], { ...stream, schemaVersion })
    : { rows: [], closed: [], givenUp: [] }
}

/** The batch as the database takes it; null where it leaves nothing to write. */
function commitRequest(
  request: Push,
  loaded: Loaded,
  placement: Placement & { kind: 'placed' },
  { decided, reported, batch }: { decided: DecidedBatch; reported: Reports; batch: string },
): CommitRequest | null {
  const also = request.also?.(decided, loaded) ?? {}
  const stream = request.stream && {
    device: request.stream.deviceId,
    incarnation: request.stream.incarnation,
    revision: loaded.stream?.revision ?? 0,
    last_seq: placement.lastSeq,
    last_hlc: lastStampOf(request.changes),
  }
  const { answers, changes, results, conflicts, holes } = decided
  const keepsRefused = request.stream !== null || request.keepsRefused
  const deadLetters = keepsRefused ? [...decided.deadLetters, ...reported.rows] : []
  const close = [...holes.close, ...reported.closed]
  // A new incarnation that repeats what was answered in an earlier one moves on in its own stream.
  const isStreamMoved = stream !== null && stream.last_seq !== (loaded.stream?.last_seq ?? 0)
  const settled = answers.every(({ replayed }) => replayed) && holes.open.length === 0 && !isStreamMoved
  const sagas = [...decided.sagas, ...(also.sagas ?? [])]
  const isSettling = also.replay || also.resolve || sagas.length > 0
  if (settled && deadLetters.length === 0 && close.length === 0 && !isSettling) return null

  const scopes = [...new Set(changes.map(({ scope }) => scope))]
  const common = {
    batch,
    actor_kind: request.by.kind,
    actor_id: request.by.id,
    trace_id: request.traceId,
  }
  return {
    ...common,
    stream,
    life: loaded.life,
    holes: { open: holes.open.filter(({ seq }) => !close.includes(seq)), close },
    rests_on: decided.restsOn,
    inserts: changes.filter(({ final }) => final === 'insert').length,
    changes,
    results,
    conflicts,
    dead_letters: deadLetters,
    commits: scopes.map((scope) => {
      const own = changes.filter((change) => change.scope === scope)
      const size = { changes: own.length, size_bytes: sizeOf(own) }
      return { scope, ...size, digest: feedDigest({ ...common, ...size }, own) }
    }),
    moves: changes.flatMap(({ table, record_id: id, scope: from, effect, rule }) =>
      effect === 'LEAVE' && typeof rule['moved_to'] === 'string'
        ? [{ table, id, from, to: rule['moved_to'] }]
        : [],
    ),
    resolve: also.resolve ?? null,
    reopen: also.reopen ?? null,
    replay: also.replay ?? null,
    resent: decided.resent,
    sagas,
    saga_steps: decided.sagaSteps,
    saga_undos: also.sagaUndos ?? [],
    saga_retry: also.sagaRetry ?? null,
    audit: auditRows(also.audit ?? []),
  }
}

/** Near enough to bound a page, without making the JSON twice. */
function sizeOf(changes: DecidedBatch['changes']): number {
  return changes.reduce((total, { size_bytes }) => total + size_bytes + 400, 0)
}

function countByKind(answers: readonly Answer[]) {
  const count = (kind: Answer['kind']) => answers.filter((answer) => answer.kind === kind).length
  return {
    [spanAttributes.accepted]: count('accepted'),
    [spanAttributes.conflicts]: count('conflict'),
    [spanAttributes.rejected]: count('rejected'),
  }
}
