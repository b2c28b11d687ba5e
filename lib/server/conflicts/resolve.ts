import { v7 as uuidv7 } from 'uuid'
import type { JsonObject } from '#lib/core/json.ts'
import { AppError } from '#lib/protocol/errors.ts'
import type { ConflictChoice, ConflictDetail } from '#lib/protocol/console.ts'
import { logger } from '#lib/telemetry/log.ts'
import { authorise, type Actor } from '../actor.ts'
import { staleError } from '../http/precondition.ts'
import { refuseUnlessAccepted } from '../records/refusal.ts'
import type { CurrentRecord } from '../records/read.ts'
import { countSettled } from '../sync/end-saga.ts'
import { serverEngine } from '../sync/server-engine.ts'
import { writeRecord } from '../sync/write.ts'
import type { SeenVersions } from './etag.ts'
import { getConflict, loadConflict, scopeWanted } from './get.ts'
import { selectSagaOf, type WholeConflict } from './store.ts'

export type Resolution = {
  id: string
  /** What the person saw when they decided. */
  seen: SeenVersions
  choice: ConflictChoice
  /** With `merged`: the record to write, null to delete it. */
  data: JsonObject | null | undefined
  /** Whether the record goes where the device's edit moves it; with the choice `client` it does unless this is false. */
  moves?: boolean | undefined
  reason: string
  traceId: string
}

/**
 * Settles a conflict: the chosen state becomes the record's next version, also where it is the server's own, and
 * reaches every device as a change that names the conflict.
 * @throws AppError `stale` with the conflict as it is now, where someone was faster; `conflict` where it is settled
 *   already; `invalid_request` with pointers where schema or rules refuse the state
 */
export async function resolveConflict(actor: Actor, resolution: Resolution): Promise<ConflictDetail> {
  authorise(actor, 'admin')
  const { id, seen, choice, reason, traceId } = resolution
  const { conflict, record } = await loadConflict(id)
  try {
    if (conflict.version !== seen.conflict || record.version !== seen.record) throw staleError()
    if (conflict.state === 'resolved') {
      throw new AppError('conflict', `${conflict.resolved_by ?? 'Somebody'} resolved this conflict already.`)
    }
    const data = chosenData(resolution, conflict, record)
    const target = data === null ? null : chosenScope(resolution, conflict)
    const { answer } = await writeRecord({
      by: { kind: actor.kind, id: actor.id },
      change: {
        op_id: uuidv7(),
        ...{ table: conflict.table, scope: target ?? conflict.scope, record_id: conflict.record_id },
        ...(target !== null && { from_scope: conflict.scope }),
        operation: data === null ? 'DELETE' : 'UPDATE',
        base_version: record.version,
        data,
      },
      mode: 'exact',
      resolves: { conflictId: id, conflictVersion: seen.conflict, choice, reason, resolvedBy: actor.name },
      audit: [
        {
          ...{ actor, action: 'conflict.resolve', target: 'conflict', targetId: id, reason, traceId },
          before: { state: 'open', version: record.version, data: record.data },
          after: {
            ...{ state: 'resolved', choice, version: record.version + 1, data },
            ...(target !== null && { scope: target }),
          },
        },
      ],
      traceId,
    })
    refuseUnlessAccepted(answer)
    await endSaga(conflict, traceId)
  } catch (error) {
    throw error instanceof AppError && error.code === 'stale' ? await withCurrent(error, actor, id) : error
  }
  return getConflict(actor, id)
}

/** Where the conflict was all that kept a saga from its end. What goes wrong here, the worker makes up for. */
async function endSaga(conflict: WholeConflict, traceId: string): Promise<void> {
  const saga = await selectSagaOf(conflict)
  if (!saga?.undoes) return
  await countSettled(serverEngine(), saga.id, traceId).catch((error: unknown) =>
    logger.warn(
      { event: 'saga.undo_failed', saga_id: saga.id, trace_id: traceId, err: error },
      'a saga waits',
    ),
  )
}

function chosenData(
  { choice, data }: Resolution,
  conflict: WholeConflict,
  record: CurrentRecord,
): JsonObject | null {
  switch (choice) {
    case 'client':
      return conflict.client_data
    case 'server':
      return record.data
    case 'merged':
      return data ?? null
  }
}

/** Where the record goes with the resolution; null where it stays. @throws AppError `invalid_request` */
function chosenScope({ choice, moves }: Resolution, conflict: WholeConflict): string | null {
  const target = scopeWanted(conflict)
  if (moves && target === null) {
    const detail = 'the device’s edit does not move the record'
    throw new AppError('invalid_request', `It cannot move: ${detail}.`, {
      extras: { errors: [{ pointer: '/moves', detail }] },
    })
  }
  return (moves ?? choice === 'client') ? target : null
}

/** Someone was faster: the answer shows what they did. */
export async function withCurrent(error: AppError, actor: Actor, id: string): Promise<AppError> {
  return new AppError(error.code, error.message, {
    cause: error,
    extras: { ...error.extras, current: await getConflict(actor, id) },
  })
}
