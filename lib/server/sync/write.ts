import { fingerprint } from '#lib/core/fingerprint.ts'
import type { JsonObject } from '#lib/core/json.ts'
import { canonicalJson } from '#lib/protocol/checksum.ts'
import { AppError } from '#lib/protocol/errors.ts'
import type { AnswerEntry } from '#lib/protocol/confirm.ts'
import type { ChangeActor, Operation } from '#lib/protocol/sync.ts'
import type { AuditEntry } from '../audit/append.ts'
import type { DecidedBatch } from './batch.ts'
import type { Engine } from './engine.ts'
import { push } from './push.ts'
import { declareSchemas, readChanges, sha256Hex } from './read-changes.ts'
import { serverEngine } from './server-engine.ts'
import type { ReplayRow, ResolveRow } from './settling-rows.ts'

export type RecordWrite = {
  /** Author in the feed. */
  by: ChangeActor
  /** In whose name a replay is made. */
  deviceId?: string | null
  change: {
    op_id: string
    table: string
    operation: Operation
    record_id: string
    scope: string
    from_scope?: string | undefined
    base_version: number
    base_op_id?: string | null | undefined
    data?: JsonObject | null | undefined
    /** Stamped by the server where it is absent. */
    hlc?: string | undefined
  }
  /** `merge`: decided as a device's change is. `exact`: written as it is on `base_version`, or refused as `stale`. */
  mode?: 'merge' | 'exact'
  /** Whether the author may write to a scope; people may to all. */
  granted?: (scope: string) => boolean
  /** The schema its data is in; the table's own where absent. */
  schemaVersion?: number | undefined
  /** That number is the table's own: where the table has not come to it, the change is refused. */
  declaresSchema?: boolean
  /** The conflict that this write settles, in the same transaction. */
  resolves?: {
    conflictId: string
    conflictVersion: number
    choice: ResolveRow['choice']
    reason: string
    resolvedBy: string
  }
  /** The resolved conflict whose resolution this write undoes, in the same transaction. */
  reopens?: { conflictId: string; conflictVersion: number }
  /** The dead letter that this write replays, in the same transaction. */
  replays?: {
    deadLetterId: string
    deadLetterVersion: number
    /** The schema of the dead letter. */
    schemaVersion: number
    edited: string | null
    actor: string
  }
  /** What the audit says of it. Nothing where a write was rejected; a replay that was is an attempt, and is told. */
  audit: AuditEntry[]
  /** Decide and answer, write nothing. */
  dryRun?: boolean
  traceId: string
}

export type WriteAnswer = AnswerEntry

export type Written = { answer: WriteAnswer; recordVersion: number; recordData: JsonObject | null }

/**
 * One change by a person, the system, or (a replay) in a device's name: the same decision, transaction and feed as a
 * sync's.
 * @throws AppError `stale` when an exact write's base, or what it settles, moved
 */
export async function writeRecord(write: RecordWrite, engine: Engine = serverEngine()): Promise<Written> {
  const { change, resolves, reopens, replays } = write
  const canonical = canonicalJson(change.data ?? null)
  const read = readChanges([
    { ...change, seq: 1, hlc: change.hlc ?? engine.stamps(write.by.id), checksum: sha256Hex(canonical) },
  ])
  const done = await push(engine, {
    by: write.by,
    stream: null,
    deviceId: write.deviceId ?? null,
    changes: write.declaresSchema ? declareSchemas(read, { [change.table]: write.schemaVersion ?? 1 }) : read,
    reported: [],
    granted: write.granted ?? (() => true),
    schemaVersion: write.schemaVersion ?? Number.MAX_SAFE_INTEGER,
    traceId: write.traceId,
    annotations: {
      conflictId: (resolves ?? reopens)?.conflictId ?? null,
      deadLetterId: replays?.deadLetterId ?? null,
      exact: write.mode === 'exact',
    },
    also: (decided) => {
      if (write.mode === 'exact') refuseMoved(change, decided)
      const written = outcomeOf(decided, change.data ?? null)
      const accepted = written.answer.kind === 'accepted'
      return {
        ...(resolves && accepted && { resolve: resolveRow(change, resolves, written) }),
        ...(reopens && accepted && { reopen: { id: reopens.conflictId, version: reopens.conflictVersion } }),
        ...(replays && { replay: replayRow(change, replays, written.answer) }),
        audit: written.answer.kind === 'rejected' && !replays ? [] : write.audit,
      }
    },
    dryRun: write.dryRun ?? false,
  })
  if (!write.dryRun) {
    engine.notify({
      kinds: [
        'record',
        ...(resolves || reopens ? (['conflict'] as const) : []),
        ...(replays ? (['dead_letter'] as const) : []),
        ...(write.audit.length > 0 ? (['audit'] as const) : []),
      ],
      scopes: done.scopes,
    })
  }
  return outcomeOf(done.decided, change.data ?? null)
}

function refuseMoved(change: RecordWrite['change'], decided: DecidedBatch): void {
  const loaded = decided.restsOn.find(({ scope }) => scope === (change.from_scope ?? change.scope))
  if ((loaded?.version ?? 0) !== change.base_version) {
    throw new AppError('stale', `The record is at version ${loaded?.version ?? 0} now. Look at it again.`)
  }
}

function outcomeOf(decided: DecidedBatch, sent: JsonObject | null): Written {
  const [given] = decided.answers
  if (!given) throw new Error('a write was not answered')
  const answer = { kind: given.kind, ...JSON.parse(given.text) } as WriteAnswer
  const written = decided.changes.findLast(({ final }) => final !== null)
  if (written) return { answer, recordVersion: written.after_version, recordData: written.data }
  switch (answer.kind) {
    case 'accepted':
      return {
        answer,
        recordVersion: answer.version,
        recordData: answer.outcome === 'no_change' ? sent : answer.data,
      }
    case 'conflict':
      return { answer, recordVersion: answer.server_version, recordData: answer.server_data }
    case 'rejected': {
      // A person reads the refusal at once: it is not queued anywhere.
      const { dead_letter_id: _unwritten, ...refusal } = answer
      return { answer: refusal, recordVersion: decided.restsOn[0]?.version ?? 0, recordData: null }
    }
  }
}

function resolveRow(
  change: RecordWrite['change'],
  resolves: NonNullable<RecordWrite['resolves']>,
  written: Written,
): ResolveRow {
  return {
    id: resolves.conflictId,
    version: resolves.conflictVersion,
    choice: resolves.choice,
    reason: resolves.reason,
    resolved_by: resolves.resolvedBy,
    resolution: written.recordData,
    resolved_version: written.recordVersion,
    moved_to: change.from_scope !== undefined && change.from_scope !== change.scope ? change.scope : null,
  }
}

function replayRow(
  change: RecordWrite['change'],
  replays: NonNullable<RecordWrite['replays']>,
  answer: WriteAnswer,
): ReplayRow {
  const { deadLetterId: id, deadLetterVersion: version, schemaVersion, edited, actor } = replays
  const common = { id, version, op_id: change.op_id, edited, actor, fingerprint: null, pointers: null }
  switch (answer.kind) {
    case 'accepted':
      return { ...common, state: 'replayed', outcome: 'replayed', code: null, detail: null }
    case 'conflict':
      // Where the first writer wins nobody is asked: the letter is all that is left of this edit, so it stays.
      return answer.code === 'stale_version'
        ? { ...common, state: 'open', outcome: 'failed', code: answer.code, detail: staleDetail }
        : { ...common, state: 'replayed', outcome: 'conflict', code: null, detail: null }
    case 'rejected':
      return {
        ...common,
        ...{ state: 'open', outcome: 'failed', code: answer.code, detail: answer.detail },
        fingerprint: fingerprint({ ...answer, table: change.table, schemaVersion }),
        pointers: (answer.errors ?? []).map(({ pointer }) => pointer),
      }
  }
}

const staleDetail = 'Someone else wrote the record first, and its table lets the first writer win.'
