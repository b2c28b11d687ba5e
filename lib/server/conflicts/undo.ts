import { v7 as uuidv7 } from 'uuid'
import { AppError } from '#lib/protocol/errors.ts'
import type { ConflictDetail } from '#lib/protocol/console.ts'
import { authorise, type Actor } from '../actor.ts'
import { staleError } from '../http/precondition.ts'
import { stateBefore } from '../records/read.ts'
import { refuseUnlessAccepted } from '../records/refusal.ts'
import { writeRecord } from '../sync/write.ts'
import type { SeenVersions } from './etag.ts'
import { getConflict, keyOf, loadConflict, undoRefusal } from './get.ts'
import { withCurrent } from './resolve.ts'

/**
 * Takes a resolution back: the record's state before it becomes the next version, in the scope that it was in, and the
 * conflict is open again.
 * Only while the record is as the resolution left it; after that it is history, and an edit is the way.
 * @throws AppError `stale`, `conflict`, `invalid_request` where the state before no longer passes schema and rules
 */
export async function undoResolution(
  actor: Actor,
  undo: { id: string; seen: SeenVersions; reason: string; traceId: string },
): Promise<ConflictDetail> {
  authorise(actor, 'admin')
  const { id, seen, reason, traceId } = undo
  const { conflict, record } = await loadConflict(id)
  try {
    if (conflict.version !== seen.conflict || record.version !== seen.record) throw staleError()
    if (conflict.resolved_version === null) {
      throw new AppError('conflict', 'This conflict is open: there is nothing to undo.')
    }
    const refusal = await undoRefusal(conflict, record)
    if (refusal !== null) throw new AppError('conflict', refusal)
    const scope = conflict.moved_from ?? conflict.scope
    const before = await stateBefore({ ...keyOf(conflict), scope }, conflict.resolved_version)
    if (before === undefined) {
      throw new AppError(
        'conflict',
        'The state before the resolution is no longer kept. Edit the record instead.',
      )
    }
    const { answer } = await writeRecord({
      by: { kind: actor.kind, id: actor.id },
      change: {
        op_id: uuidv7(),
        ...{ table: conflict.table, scope, record_id: conflict.record_id },
        ...(scope !== conflict.scope && { from_scope: conflict.scope }),
        operation: before === null ? 'DELETE' : 'UPDATE',
        base_version: record.version,
        data: before,
      },
      mode: 'exact',
      reopens: { conflictId: id, conflictVersion: conflict.version },
      audit: [
        {
          ...{ actor, action: 'conflict.undo', target: 'conflict', targetId: id, reason, traceId },
          before: { state: 'resolved', choice: conflict.choice, version: record.version, data: record.data },
          after: {
            ...{ state: 'open', version: record.version + 1, data: before },
            ...(scope !== conflict.scope && { scope }),
          },
        },
      ],
      traceId,
    })
    refuseUnlessAccepted(answer)
  } catch (error) {
    throw error instanceof AppError && error.code === 'stale' ? await withCurrent(error, actor, id) : error
  }
  return getConflict(actor, id)
}
