import type { CommitRequest, SyncStore } from '#lib/server/sync/store.ts'
import type { ArrivedStep, LoadedSaga, NextUndo, WholeSaga } from '#lib/server/sync/saga-rows.ts'
import { ModelError } from './model-error.ts'
import { keyOf, numbered, recordKey, type SagaRecord, type StepRow, type Tables } from './tables.ts'
import type { Transaction } from './transaction.ts'

const moved = (what: string) => new ModelError('HF001', what)
const gone = (what: string) => new ModelError('HF002', what)
const stepKey = (saga: string, step: number) => keyOf(saga, numbered(step))
const together = (a: readonly string[], b: readonly string[]) => [...new Set([...a, ...b])].toSorted()

/** The sagas a batch has to do with, as push_load tells them. */
export function loadSagas(tables: Tables, ids: readonly string[]): LoadedSaga[] {
  return [...new Set(ids)].flatMap((id) => {
    const found = tables.get('sagas', id)
    if (!found) return []
    const { device_id, state, steps, applied, to_undo, blocked, cause, failed_step, failed_code, revision } =
      found
    return [
      { id, device_id, state, steps, applied, to_undo, blocked, cause, failed_step, failed_code, revision },
    ]
  })
}

/** The part of push_commit that is about sagas. */
export async function settleSagas(tx: Transaction, p: CommitRequest, nowMillis: number): Promise<void> {
  for (const saga of p.sagas.toSorted((a, b) => (a.id < b.id ? -1 : 1))) await writeSaga(tx, saga, nowMillis)
  for (const step of p.saga_steps)
    await tx.insert('steps', stepKey(step.saga_id, step.step), { ...step, ...notUndone })
  for (const undo of p.saga_undos) {
    const key = stepKey(undo.saga_id, undo.step)
    await tx.lock('steps', key)
    const step = tx.get('steps', key)
    if (!step || step.undo !== undo.was) throw gone('a step was undone meanwhile')
    await tx.put('steps', key, {
      ...step,
      ...{ undo: undo.undo, undo_version: undo.version, undo_detail: undo.detail },
      // One that a person settled goes on naming the conflict it was settled in.
      ...(undo.undo !== 'settled' && { undo_op_id: undo.op_id, undo_conflict_id: undo.conflict_id }),
    })
  }
  if (p.saga_retry) await retrySaga(tx, p.saga_retry)
}

const notUndone = {
  ...{ undo: null, undo_op_id: null, undo_version: null, undo_conflict_id: null, undo_detail: null },
}

async function writeSaga(
  tx: Transaction,
  row: CommitRequest['sagas'][number],
  nowMillis: number,
): Promise<void> {
  const { revision, progressed, ...saga } = row
  if (revision === 0) {
    const begun: SagaRecord = { ...saga, revision: 1, retried_as: null, progressed_ms: nowMillis }
    if (!(await tx.insert('sagas', saga.id, begun))) throw moved('a saga moved')
    return
  }
  await tx.lock('sagas', saga.id)
  const known = tx.get('sagas', saga.id)
  if (known?.revision !== revision) throw moved('a saga moved')
  await tx.put('sagas', saga.id, {
    ...known,
    ...{
      state: saga.state,
      applied: saga.applied,
      to_undo: saga.to_undo,
      blocked: saga.blocked,
      cause: saga.cause,
    },
    ...{ failed_step: saga.failed_step, failed_code: saga.failed_code, reason: saga.reason ?? known.reason },
    ...{ tables: together(known.tables, saga.tables), scopes: together(known.scopes, saga.scopes) },
    ...{ progressed_ms: progressed ? nowMillis : known.progressed_ms, revision: revision + 1 },
  })
}

async function retrySaga(tx: Transaction, retry: NonNullable<CommitRequest['saga_retry']>): Promise<void> {
  await tx.lock('sagas', retry.id)
  const known = tx.get('sagas', retry.id)
  const mayRetry =
    known?.revision === retry.revision && known.state === 'compensated' && known.retried_as === null
  if (!known || !mayRetry) throw gone('the saga moved')
  await tx.put('sagas', retry.id, { ...known, retried_as: retry.retried_as, revision: known.revision + 1 })
  for (let number = 1; number <= known.steps; number++) {
    const before = tx.get('steps', stepKey(retry.id, number))
    const after = tx.get('steps', stepKey(retry.retried_as, number))
    if (!before?.dead_letter_id || !after) continue
    await tx.lock('letters', before.dead_letter_id)
    const letter = tx.get('letters', before.dead_letter_id)
    if (!letter) continue
    if (letter.state === 'replayed') throw gone('a step was replayed alone')
    await tx.put('letters', letter.id, {
      ...letter,
      ...{
        state: 'replayed',
        replay_op_id: after.op_id,
        version: letter.version + 1,
        attempts: letter.attempts + 1,
      },
    })
    tx.append('attempts', {
      ...{
        dead_letter_id: letter.id,
        actor: retry.actor,
        op_id: after.op_id,
        outcome: 'replayed',
        code: null,
      },
    })
  }
}

const stepsOf = (tables: Tables, saga: string): StepRow[] =>
  tables
    .all('steps')
    .filter((step) => step.saga_id === saga)
    .toSorted((a, b) => a.step - b.step)

/** The statements of saga-store.ts. */
export function nextUndo(tables: Tables, sagaId: string): NextUndo | null {
  if (tables.get('sagas', sagaId)?.state !== 'compensating') return null
  const next = stepsOf(tables, sagaId).findLast(
    ({ state, after_version, undo }) => state === 'applied' && after_version !== null && undo === null,
  )
  if (!next?.scope || !next.table || !next.record_id || next.after_version === null) return null
  const { step, scope, from_scope, table, record_id, after_version, before_version } = next
  const was = tables.state(recordKey(from_scope ?? scope, table, record_id), before_version ?? -1)
  const told = { step, scope, from_scope, table, record_id, after_version }
  return before_version === 0 || was ? { ...told, before: was?.data ?? null } : told
}

export function blockedSteps(tables: Tables, sagaId: string, undo: 'failed' | 'settled'): number[] {
  const isBlocked = (step: StepRow) =>
    undo === 'failed'
      ? step.undo === 'failed'
      : step.undo === 'conflict' && tables.get('conflicts', step.undo_conflict_id ?? '')?.state === 'resolved'
  return stepsOf(tables, sagaId)
    .filter(isBlocked)
    .map(({ step }) => step)
}

export function dueSagas(
  tables: Tables,
  { restingSince, limit }: Parameters<SyncStore['dueSagas']>[0],
): Awaited<ReturnType<SyncStore['dueSagas']>> {
  const sagas = tables
    .all('sagas')
    .toSorted((a, b) => a.progressed_ms - b.progressed_ms || (a.id < b.id ? -1 : 1))
  const isSettled = ({ id, state, blocked }: SagaRecord) =>
    (state === 'stuck' || state === 'compensating') &&
    blocked > 0 &&
    blockedSteps(tables, id, 'settled').length > 0
  const due = (why: 'undo' | 'timed_out' | 'settled', isDue: (saga: SagaRecord) => boolean) =>
    sagas
      .filter(isDue)
      .slice(0, limit)
      .map(({ id }) => ({ id, why }))
  return [
    ...due('undo', ({ state }) => state === 'compensating'),
    ...due('timed_out', (saga) => saga.state === 'running' && saga.progressed_ms < Date.parse(restingSince)),
    ...due('settled', isSettled),
  ]
}

export function wholeSaga(tables: Tables, sagaId: string): WholeSaga | null {
  const found = tables.get('sagas', sagaId)
  if (!found) return null
  const { id, device_id, state, steps, failed_step, failed_code, retried_as, revision } = found
  return {
    ...{ id, device_id, device_scopes: tables.get('devices', device_id)?.scopes ?? null, state, steps },
    ...{ failed_step, failed_code, retried_as, revision },
    arrived: stepsOf(tables, sagaId).map((row) => {
      const { step, op_id, scope, from_scope, table, record_id, after_version, change, schema_version } = row
      const key = recordKey(from_scope ?? scope ?? '', table ?? '', record_id ?? '')
      return {
        ...{ step, op_id, scope, from_scope, table, record_id, after_version, change, schema_version },
        ...{ undo: row.undo, undo_version: row.undo_version },
        letter_state: tables.get('letters', row.dead_letter_id ?? '')?.state ?? null,
        record_version: tables.get('records', key)?.version ?? null,
        undoing: undoingOf(tables, key, row.undo_version),
      }
    }),
  }
}

/** A record before its undoing and after it, as far as the log tells. */
function undoingOf(tables: Tables, key: string, version: number | null): ArrivedStep['undoing'] {
  const after = version === null ? undefined : tables.state(key, version)
  if (!after) return null
  const { moved_from: from } = after.rule
  const taken = recordKey(typeof from === 'string' ? from : after.scope, after.table, after.record_id)
  const before = tables.state(taken, after.before_version)
  return before ? { before: before.data, after: after.data } : null
}
