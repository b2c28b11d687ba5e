import { fieldViews, suggestMerge, type ThreeStates } from '#lib/core/field-diff.ts'
import { compareVectors } from '#lib/core/vector.ts'
import { AppError } from '#lib/protocol/errors.ts'
import type { ConflictDetail } from '#lib/protocol/console.ts'
import { authorise, type Actor } from '../actor.ts'
import { currentRecord, writerOf, type CurrentRecord } from '../records/read.ts'
import { conflictEtag } from './etag.ts'
import { toItem } from './list.ts'
import { selectConflict, type WholeConflict } from './store.ts'

/**
 * A conflict with everything a person needs to settle it, against the record as it is now.
 * @throws AppError `not_found`
 */
export async function getConflict(actor: Actor, id: string): Promise<ConflictDetail> {
  authorise(actor, 'viewer')
  const { conflict, record } = await loadConflict(id)
  const writer = await writerOf(keyOf(conflict), record.version)
  const states: ThreeStates = { base: conflict.base_data, client: conflict.client_data, server: record.data }
  return {
    ...toItem(conflict),
    etag: conflictEtag({ conflict: conflict.version, record: record.version }),
    op_id: conflict.op_id,
    later_op_ids: conflict.later_op_ids,
    trace_id: conflict.trace_id,
    base: { version: conflict.base_version, data: conflict.base_data },
    client: { data: conflict.client_data, hlc: conflict.client_hlc, vector: conflict.client_vector },
    server: {
      version: conflict.server_version,
      data: conflict.server_data,
      hlc: conflict.server_hlc,
      vector: conflict.server_vector,
    },
    vector_order: compareVectors(conflict.client_vector, conflict.server_vector),
    current: {
      version: record.version,
      data: record.data,
      hlc: record.hlc,
      vector: record.vector,
      updated_at: record.updatedAt.toISOString(),
      by: writer ?? { kind: 'system', id: '', name: null },
      moved: record.version !== conflict.server_version,
    },
    field_views: fieldViews(states),
    suggestion: suggestMerge(states),
    resolution:
      conflict.resolved_version === null
        ? null
        : {
            version: conflict.resolved_version,
            data: conflict.resolution,
            can_undo: record.version === conflict.resolved_version,
          },
  }
}

/** A conflict and its record. @throws AppError `not_found` */
export async function loadConflict(id: string): Promise<{ conflict: WholeConflict; record: CurrentRecord }> {
  const conflict = await selectConflict(id)
  const record = conflict && (await currentRecord(keyOf(conflict)))
  if (!conflict || !record) throw new AppError('not_found', 'There is no such conflict.')
  return { conflict, record }
}

export function keyOf({ scope, table, record_id }: WholeConflict): {
  scope: string
  table: string
  id: string
} {
  return { scope, table, id: record_id }
}
