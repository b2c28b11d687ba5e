import type { Saga } from '#lib/core/saga.ts'
import { systemActor, type Actor } from '../actor.ts'
import type { AuditEntry } from '../audit/append.ts'
import type { Engine } from './engine.ts'
import { push } from './push.ts'
import { rowOf } from './sagas.ts'
import type { LoadedSaga, SagaRow, SagaUndoRow } from './saga-rows.ts'

/** Who undoes: its writes are the system's. */
export const undoer: Actor = systemActor('saga_compensation')

/** A saga as it is to be written after a change. */
export function changedSaga(row: LoadedSaga, saga: Saga, more: Partial<SagaRow> = {}): SagaRow {
  const { id, device_id, revision } = row
  return {
    ...{ id, device_id, revision, ...rowOf(saga) },
    ...{ reason: null, tables: [], scopes: [], retry_of: null, progressed: false, ...more },
  }
}

/**
 * Changes a saga without a change to a record, in a transaction of its own.
 * @param change what becomes of it; null leaves it
 * @throws AppError what `change` throws, `stale`
 */
export async function changeSaga(
  engine: Engine,
  sagaId: string,
  traceId: string,
  change: (row: LoadedSaga) => {
    saga: Saga
    reason?: string
    undos?: Omit<SagaUndoRow, 'saga_id' | 'op_id' | 'version' | 'conflict_id'>[]
    audit?: AuditEntry[]
  } | null,
): Promise<void> {
  await push(engine, {
    by: { kind: 'system', id: undoer.id },
    ...{ stream: null, deviceId: null, changes: [], reported: [], traceId, sagas: [sagaId] },
    granted: () => true,
    schemaVersion: Number.MAX_SAFE_INTEGER,
    also: (_decided, loaded) => {
      const row = loaded.sagas?.find(({ id }) => id === sagaId)
      const changed = row ? change(row) : null
      if (!row || !changed) return {}
      const { saga, reason = null, undos = [], audit = [] } = changed
      const noWrite = { saga_id: sagaId, op_id: null, version: null, conflict_id: null }
      return {
        sagas: [changedSaga(row, saga, { reason })],
        sagaUndos: undos.map((undo) => ({ ...noWrite, ...undo })),
        audit,
      }
    },
  })
  engine.notify({ kinds: ['saga', 'audit'] })
}
