import { fieldViews, suggestMerge, type ThreeStates } from '#lib/core/field-views.ts'
import { compareVectors, type Vector } from '#lib/core/vector.ts'
import { AppError } from '#lib/protocol/errors.ts'
import type { ConflictDetail } from '#lib/protocol/console.ts'
import { authorise, type Actor } from '../actor.ts'
import { database } from '../db.ts'
import { currentRecord, movedTo, writerOf, type CurrentRecord } from '../records/read.ts'
import { loadPolicies } from '../tables/policy-cache.ts'
import { flushSyncRecords } from '../syncs/record.ts'
import { conflictEtag } from './etag.ts'
import { toItem } from './list.ts'
import {
  selectConflict,
  selectDeviceNames,
  selectReached,
  selectSagaOf,
  type WholeConflict,
} from './store.ts'

/**
 * A conflict with everything a person needs to settle it, against the record as it is now.
 * @throws AppError `not_found`
 */
export async function getConflict(actor: Actor, id: string): Promise<ConflictDetail> {
  authorise(actor, 'viewer')
  const { conflict, record } = await loadConflict(id)
  const { client_vector: theirs, server_vector: ours } = conflict
  const version = conflict.resolved_version
  const [writer, saga, entries, refusal, policies, reached] = await Promise.all([
    writerOf(keyOf(conflict), record.version),
    selectSagaOf(conflict),
    vectorEntries(theirs, ours),
    undoRefusal(conflict, record),
    loadPolicies(database(), [conflict.table]),
    version === null ? null : reachedNow(conflict, version),
  ])
  const states: ThreeStates = { base: conflict.base_data, client: conflict.client_data, server: record.data }
  const views = fieldViews(states, policies.get(conflict.table) ?? null)
  return {
    ...toItem(conflict),
    etag: conflictEtag({ conflict: conflict.version, record: record.version }),
    op_id: conflict.op_id,
    later_op_ids: conflict.later_op_ids,
    trace_id: conflict.trace_id,
    base: { version: conflict.base_version, data: conflict.base_data },
    client: {
      data: conflict.client_data,
      hlc: conflict.client_hlc,
      vector: conflict.client_vector,
      clock_skew_ms: conflict.clock_skew_ms,
    },
    server: {
      version: conflict.server_version,
      data: conflict.server_data,
      hlc: conflict.server_hlc,
      vector: conflict.server_vector,
    },
    vector_order: compareVectors(theirs, ours),
    vector_entries: entries,
    saga,
    to_scope: conflict.state === 'open' ? scopeWanted(conflict) : conflict.to_scope,
    current: {
      version: record.version,
      data: record.data,
      hlc: record.hlc,
      vector: record.vector,
      updated_at: record.updatedAt.toISOString(),
      by: writer ?? { kind: 'system', id: '', name: null },
      moved: record.version !== conflict.server_version,
    },
    field_views: views,
    suggestion: suggestMerge(states, views),
    resolution:
      version === null
        ? null
        : {
            version,
            data: conflict.resolution,
            moved_from: conflict.moved_from,
            can_undo: refusal === null,
            undo_refusal: refusal,
            reached,
          },
  }
}

/** What devices acknowledged is written after their syncs were answered; what is on its way there counts. */
async function reachedNow(conflict: WholeConflict, version: number): ReturnType<typeof selectReached> {
  await flushSyncRecords()
  return selectReached(conflict, version)
}

/** Where the device's edit moves the record; null where it leaves it, and where somebody moved it there since. */
export function scopeWanted({ scope, to_scope }: WholeConflict): string | null {
  return to_scope === scope ? null : to_scope
}

/** Why the resolution of a conflict can not be taken back; null where it can, and where there is none. */
export async function undoRefusal(conflict: WholeConflict, record: CurrentRecord): Promise<string | null> {
  if (conflict.resolved_version === null || conflict.resolved_version === record.version) return null
  const target = record.data === null ? await movedTo(keyOf(conflict), record.version) : null
  return target === null
    ? 'The record was changed since it was resolved. Edit the record instead.'
    : `The record was moved to scope ${target} since it was resolved. Edit the record there instead.`
}

/** Two vectors device by device, those first on which the sides differ. */
async function vectorEntries(theirs: Vector, ours: Vector): Promise<ConflictDetail['vector_entries']> {
  const ids = [...new Set([...Object.keys(theirs), ...Object.keys(ours)])]
  const names = await selectDeviceNames(ids)
  const entries = ids.map((id) => ({
    ...{ device_id: id, device_name: names.get(id) ?? null },
    ...{ client: theirs[id] ?? 0, server: ours[id] ?? 0 },
  }))
  return entries.toSorted((a, b) => Number(a.client === a.server) - Number(b.client === b.server))
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
