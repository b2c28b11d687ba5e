import type { JsonObject } from '#lib/core/json.ts'
import type { Vector } from '#lib/core/vector.ts'
import { AppError } from '#lib/protocol/errors.ts'
import type { RecordState } from '#lib/protocol/console.ts'
import { authorise, type Actor } from '../actor.ts'
import { selectMovedTo, selectRecords, selectStateBefore, selectWriter, type RecordRow } from './store.ts'

export type RecordKey = { scope: string; table: string; id: string }

/** A record as it is now, and who made it so. */
export type CurrentRecord = {
  version: number
  /** null when deleted, or never there */
  data: JsonObject | null
  hlc: string
  vector: Vector
  updatedAt: Date
}

/**
 * A record as it is now.
 * @param scope may be left out where the id is in one scope alone
 * @throws AppError `not_found`, `ambiguous`
 */
export async function getRecord(
  actor: Actor,
  key: { table: string; id: string; scope: string | undefined },
): Promise<RecordState> {
  authorise(actor, 'viewer')
  return toState(await findRecord(key))
}

/** Among several scopes, the one where the record lives counts: elsewhere it left a tombstone when it moved. */
export async function findRecord(key: {
  table: string
  id: string
  scope: string | undefined
}): Promise<RecordRow> {
  const rows = await selectRecords(key.table, key.id, key.scope)
  const live = rows.filter(({ deleted }) => !deleted)
  const candidates = live.length > 0 ? live : rows
  const [row] = candidates
  if (!row) throw new AppError('not_found', `There is no such record in ${key.table}.`)
  if (candidates.length > 1) {
    const scopes = candidates.map(({ scope }) => scope).join(', ')
    throw new AppError('ambiguous', `This id is in several scopes: ${scopes}. Add ?scope= to say which.`)
  }
  return row
}

/** @returns null where the server never had the record */
export async function currentRecord(key: RecordKey): Promise<CurrentRecord | null> {
  const [row] = await selectRecords(key.table, key.id, key.scope)
  if (!row) return null
  return { version: row.version, data: row.data, hlc: row.hlc, vector: row.vector, updatedAt: row.updated_at }
}

/** A record's state before a version; `undefined` where it can no longer be read. */
export function stateBefore(key: RecordKey, version: number): ReturnType<typeof selectStateBefore> {
  return selectStateBefore(key, version)
}

/** Where a record went with the version that left its scope; null where it did not leave. */
export function movedTo(key: RecordKey, version: number): ReturnType<typeof selectMovedTo> {
  return selectMovedTo(key, version)
}

/** Who wrote a version of a record; null where that can no longer be read. */
export function writerOf(key: RecordKey, version: number): ReturnType<typeof selectWriter> {
  return selectWriter(key, version)
}

/** As replies show it. */
export function toState(row: RecordRow): RecordState {
  return { ...row, created_at: row.created_at.toISOString(), updated_at: row.updated_at.toISOString() }
}
