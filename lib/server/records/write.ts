import { v7 as uuidv7 } from 'uuid'
import { jsonEqual, type JsonObject } from '#lib/core/json.ts'
import { AppError } from '#lib/protocol/errors.ts'
import type { RecordState } from '#lib/protocol/console.ts'
import { authorise, type Actor } from '../actor.ts'
import { staleError } from '../http/precondition.ts'
import { writeRecord } from '../sync/write.ts'
import { findRecord, getRecord } from './read.ts'
import { refuseUnlessAccepted } from './refusal.ts'

type Write = {
  table: string
  id: string
  /** May be left out where the id is in one scope alone; a new record is then made in `default`. */
  scope: string | undefined
  /** The version the caller saw; null says that there is none yet. */
  version: number | null
  reason: string
  traceId: string
}

/**
 * A person's edit of a record: written as it is, on the version they saw, through the push path.
 * @throws AppError `stale` with the record as it is now, `precondition_required` where it exists and no version was
 *   given, `invalid_request` with pointers where schema or rules refuse it, `ambiguous`
 */
export async function putRecord(
  actor: Actor,
  put: Write & { data: JsonObject },
): Promise<{ record: RecordState; created: boolean }> {
  authorise(actor, 'admin')
  const before = await findRecord(put).catch(ifAbsent)
  if (before && put.version === before.version && jsonEqual(before.data, put.data)) {
    return { record: await getRecord(actor, { ...put, scope: before.scope }), created: false }
  }
  const record = await write(actor, put, before, put.data)
  return { record, created: before === null || before.deleted }
}

/** Deletes a record: devices see a DELETE. @throws as `putRecord`, and AppError `not_found` */
export async function deleteRecord(actor: Actor, deletion: Write): Promise<RecordState> {
  authorise(actor, 'admin')
  const before = await findRecord(deletion)
  if (before.deleted) throw new AppError('not_found', 'The record was deleted already.')
  return write(actor, deletion, before, null)
}

type Before = Awaited<ReturnType<typeof findRecord>> | null

async function write(
  actor: Actor,
  { table, id, scope, version, reason, traceId }: Write,
  before: Before,
  data: JsonObject | null,
): Promise<RecordState> {
  const key = { table, id, scope: before?.scope ?? scope ?? 'default' }
  if (version === null && before) {
    throw new AppError('precondition_required', 'The record exists: send If-Match with its ETag.')
  }
  const targetId = `${table}/${id}`
  try {
    if ((version ?? 0) !== (before?.version ?? 0)) throw staleError()
    const { answer } = await writeRecord({
      by: { kind: actor.kind, id: actor.id },
      change: {
        ...{ op_id: uuidv7(), table, record_id: id, scope: key.scope, data },
        operation: data === null ? 'DELETE' : before ? 'UPDATE' : 'CREATE',
        base_version: before?.version ?? 0,
      },
      mode: 'exact',
      audit: [
        {
          ...{
            actor,
            action: data === null ? 'record.delete' : 'record.put',
            target: 'record',
            targetId,
            reason,
          },
          before: before && { scope: before.scope, version: before.version, data: before.data },
          after: { scope: key.scope, version: (before?.version ?? 0) + 1, data },
          traceId,
        },
      ],
      traceId,
    })
    refuseUnlessAccepted(answer)
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'stale') throw error
    const current = await getRecord(actor, key).catch(ifAbsent)
    throw new AppError('stale', error.message, { cause: error, extras: current ? { current } : {} })
  }
  return getRecord(actor, key)
}

function ifAbsent(error: unknown): null {
  if (error instanceof AppError && error.code === 'not_found') return null
  throw error
}
