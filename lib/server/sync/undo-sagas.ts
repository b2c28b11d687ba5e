import { stepUndone, type UndoOutcome } from '#lib/core/saga.ts'
import { canonicalJson } from '#lib/protocol/checksum.ts'
import { AppError } from '#lib/protocol/errors.ts'
import { logger } from '#lib/telemetry/log.ts'
import { instruments } from '#lib/telemetry/metrics.ts'
import type { DecidedBatch } from './batch.ts'
import { changedSaga, changeSaga, undoer } from './change-saga.ts'
import type { Engine } from './engine.ts'
import { push } from './push.ts'
import { readChanges, sha256Hex } from './read-changes.ts'
import { sagaOf } from './sagas.ts'
import type { LoadedSaga, NextUndo } from './saga-rows.ts'
import type { Loaded } from './store.ts'

/**
 * Undoes sagas that were set back, as far as it comes: what it does not finish, the worker does. Never throws.
 * @returns how many were undone as far as can be
 */
export async function undoSagas(engine: Engine, ids: readonly string[], traceId: string): Promise<number> {
  let done = 0
  for (const id of ids) {
    try {
      await undoSaga(engine, id, traceId)
      done++
    } catch (error) {
      logger.warn({ event: 'saga.undo_failed', saga_id: id, trace_id: traceId, err: error }, 'a saga waits')
    }
  }
  return done
}

/** Undoes the steps of a saga, newest first, each in a transaction of its own that notes that it was undone. */
export async function undoSaga(engine: Engine, sagaId: string, traceId: string): Promise<void> {
  for (;;) {
    const next = await engine.store.nextUndo(sagaId)
    if (!next) return
    try {
      if (next.before === undefined) await giveUp(engine, sagaId, next, unreadable, traceId)
      else await undoNext(engine, sagaId, { ...next, before: next.before }, traceId)
    } catch (error) {
      // Somebody else undid this step first: the next one is asked for.
      if (!(error instanceof AppError) || error.code !== 'stale') throw error
    }
  }
}

const unreadable = 'The record as it was before the step can no longer be read.'

async function undoNext(
  engine: Engine,
  sagaId: string,
  next: NextUndo & { before: NonNullable<NextUndo['before']> | null },
  traceId: string,
): Promise<void> {
  const { step, scope, from_scope, table, record_id, after_version, before } = next
  const moves = from_scope !== null && from_scope !== scope
  const opId = engine.newId()
  const changes = readChanges([
    {
      ...{ op_id: opId, seq: 1, table, record_id, hlc: engine.stamps(undoer.id) },
      ...(moves ? { scope: from_scope, from_scope: scope } : { scope }),
      ...(before === null ? { operation: 'DELETE' } : { operation: 'UPDATE', data: before }),
      ...{ base_version: after_version, checksum: sha256Hex(canonicalJson(before)) },
    },
  ])
  const done = await push(engine, {
    by: { kind: 'system', id: undoer.id },
    ...{ stream: null, deviceId: null, changes, reported: [], traceId, sagas: [sagaId] },
    granted: () => true,
    schemaVersion: Number.MAX_SAFE_INTEGER,
    annotations: { undoes: { sagaId, step } },
    also: (decided, loaded) => {
      const undo = undoRow({ saga_id: sagaId, step, op_id: opId }, decided)
      const row = compensating(loaded, sagaId)
      return {
        sagas: [changedSaga(row, stepUndone(sagaOf(row), undo.undo))],
        sagaUndos: [undo],
      }
    },
  })
  instruments().sagaSteps.inc({ outcome: outcomeOf(done.decided).undo })
  engine.notify({
    kinds: ['saga', 'record', ...(done.decided.conflicts.length > 0 ? (['conflict'] as const) : [])],
    scopes: done.scopes,
  })
}

/** The saga while its steps are undone. @throws AppError `stale` where that is over */
function compensating(loaded: Loaded, sagaId: string): LoadedSaga {
  const row = loaded.sagas?.find(({ id }) => id === sagaId)
  if (row?.state !== 'compensating') throw new AppError('stale', 'The saga is not being undone any more.')
  return row
}

type Undone = { undo: UndoOutcome; version: number | null; conflict_id: string | null; detail: string | null }

function undoRow(of: { saga_id: string; step: number; op_id: string }, decided: DecidedBatch) {
  const done = outcomeOf(decided)
  const wrote = done.undo === 'nothing' || done.undo === 'failed' ? { op_id: null } : {}
  return { ...of, was: null, ...done, ...wrote }
}

/** What came of undoing a step. */
function outcomeOf({ answers: [answer], changes, conflicts: [conflict] }: DecidedBatch): Undone {
  const nothing = { version: null, conflict_id: null, detail: null }
  if (!answer) throw new Error('the undoing of a step was not answered')
  if (answer.kind === 'conflict') return { ...nothing, undo: 'conflict', conflict_id: conflict?.id ?? null }
  if (answer.kind === 'rejected') {
    const { code, detail } = JSON.parse(answer.text) as { code: string; detail: string }
    return { ...nothing, undo: 'failed', detail: `${code}: ${detail}` }
  }
  const written = changes.findLast(({ final }) => final !== null)
  if (!written) return { ...nothing, undo: 'nothing' }
  return {
    ...{ ...nothing, undo: answer.outcome === 'merged' ? 'merged' : 'restored' },
    version: written.after_version,
  }
}

async function giveUp(engine: Engine, sagaId: string, { step }: NextUndo, detail: string, traceId: string) {
  await changeSaga(engine, sagaId, traceId, (row) =>
    row.state === 'compensating'
      ? { saga: stepUndone(sagaOf(row), 'failed'), undos: [{ step, was: null, undo: 'failed', detail }] }
      : null,
  )
  instruments().sagaSteps.inc({ outcome: 'failed' })
}
