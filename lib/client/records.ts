import { findUnfaithful, isJsonObject, jsonEqual, type JsonObject } from '#lib/core/json.ts'
import { canonicalJson } from '#lib/protocol/checksum.ts'
import type { Priority } from '#lib/protocol/sync.ts'
import { planEdit, type EditPlan } from './edits.ts'
import { InvalidEditError } from './failure.ts'
import { timeOrderedId } from './identifiers.ts'
import { readIdentity } from './identity.ts'
import type { Kernel } from './kernel.ts'
import { dequeue, enqueue, inheritPriority, revise } from './queue.ts'
import { emptyRow, readPending, readRow, readRowsDocument, settled, visibleData, writeRow } from './rows.ts'
import { openStamps } from './stamps.ts'
import { tablePrefix, type ConflictMark, type RecordKey, type StoredRecord } from './stored.ts'
import type { Unit } from './unit.ts'

export type SyncStatus = 'pending' | 'synced' | 'conflict'

/** A record as the app sees it: the device's own version while it has one, else the server's. */
export interface LocalRecord extends RecordKey {
  readonly data: JsonObject
  readonly syncStatus: SyncStatus
  /** The server's version this device knows; 0 for a record the server has not seen. */
  readonly serverVersion: number
  /** Counts this device's own edits of the record. */
  readonly localVersion: number
  readonly updatedAtMs: number
  /** The server's state, where it differs from what is shown; null where the server has none. */
  readonly serverData: JsonObject | null
  readonly conflict: ConflictMark | null
}

/** Envelope fields around `data` on the wire, generously counted. */
const CHANGE_OVERHEAD_BYTES = 600

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export interface EditRequest extends RecordKey {
  /** The full state wanted; null to delete. */
  readonly data: JsonObject | null
  readonly priority: Priority | undefined
  /** Set to make the edit on this version of the server's instead of on what the device has. */
  readonly baseVersion?: number
}

/**
 * Records an edit and queues it, in the unit given.
 * @returns false where the record already is so
 * @throws InvalidEditError if the edit could never be accepted; nothing is changed
 */
export async function applyEdit(kernel: Kernel, unit: Unit, edit: EditRequest): Promise<boolean> {
  const identity = await readIdentity(unit)
  const text = checkEdit(edit, identity.limits.maxRecordBytes)
  const row = await readRow(unit, edit)
  const pending = await readPending(unit, row)
  const shown = row ? visibleData(row) : null
  if (edit.baseVersion === undefined && jsonEqual(shown?.data ?? null, edit.data)) return false

  const plan = planRebase(edit) ?? planEdit(row, pending, edit.data)
  const base = row ?? emptyRow(edit)
  const nowMs = kernel.clock.nowMs()
  const last = pending.at(-1)
  if (plan.kind === 'nothing') return false
  if (plan.kind === 'cancel') {
    if (last) await dequeue(unit, last)
    const earlier = pending.slice(0, -1)
    const local = earlier.length > 0 ? { data: earlier.at(-1)?.data ?? null } : null
    await writeRow(
      unit,
      settled({ ...base, pending: earlier.map((each) => each.ordinal), local, updatedAtMs: nowMs }),
    )
    return true
  }

  const stamps = await openStamps(unit, kernel.clock, identity.deviceId)
  const content = {
    operation: plan.operation,
    data: edit.data,
    hlc: stamps.next(),
    checksum: kernel.sha256Hex(text),
    sizeBytes: utf8Length(text) + CHANGE_OVERHEAD_BYTES,
  }
  stamps.save()
  const tablePriority = identity.tables[edit.table]?.priority ?? 'normal'
  let ordinals = base.pending
  if (plan.kind === 'replace' && last) {
    const priority = edit.priority ?? last.priority
    const revised = await revise(unit, last, { ...last, ...content, priority })
    await inheritPriority(unit, [...pending.slice(0, -1), revised])
  } else if (plan.kind === 'append') {
    const { scope, table, id } = edit
    const queued = await enqueue(unit, {
      ...content,
      scope,
      table,
      id,
      opId: timeOrderedId(kernel.clock, kernel.random),
      priority: edit.priority ?? tablePriority,
      baseVersion: plan.baseVersion,
      baseOpId: plan.baseOpId,
      editedAtMs: nowMs,
    })
    ordinals = [...ordinals, queued.ordinal]
    await inheritPriority(unit, [...pending, queued])
  }
  await writeRow(unit, {
    ...base,
    pending: ordinals,
    local: { data: edit.data },
    localVersion: base.localVersion + 1,
    updatedAtMs: nowMs,
  })
  return true
}

function planRebase(edit: EditRequest): EditPlan | null {
  if (edit.baseVersion === undefined) return null
  const operation = edit.data === null ? 'DELETE' : edit.baseVersion === 0 ? 'CREATE' : 'UPDATE'
  return { kind: 'append', operation, baseVersion: edit.baseVersion, baseOpId: null }
}

/** @returns the canonical text of the data */
function checkEdit({ id, data, table }: EditRequest, maxRecordBytes: number): string {
  if (!UUID.test(id)) throw new InvalidEditError('invalid_id', `${table}: "${id}" is not a lower-case UUID`)
  if (data === null) return 'null'
  if (!isJsonObject(data))
    throw new InvalidEditError('unfaithful_data', `${table}/${id}: data must be an object`)
  const unfaithful = findUnfaithful(data)
  if (unfaithful) {
    const { pointer, detail } = unfaithful
    throw new InvalidEditError('unfaithful_data', `${table}/${id}: ${pointer || 'the data'} ${detail}`)
  }
  const text = canonicalJson(data)
  const sizeBytes = utf8Length(text)
  if (sizeBytes > maxRecordBytes) {
    throw new InvalidEditError(
      'record_too_large',
      `${table}/${id}: ${sizeBytes} bytes, more than the ${maxRecordBytes} a record may have`,
    )
  }
  return text
}

export async function getRecord(unit: Unit, key: RecordKey): Promise<LocalRecord | undefined> {
  const row = await readRow(unit, key)
  return row ? toLocalRecord(row) : undefined
}

/** A page of one table's live records, in order of id. */
export async function listRecords(
  unit: Unit,
  where: { scope: string; table: string; after?: string | undefined; limit?: number | undefined },
): Promise<readonly LocalRecord[]> {
  const { generation } = await readRowsDocument(unit)
  const prefix = tablePrefix(generation, where.scope, where.table)
  const limit = where.limit ?? Infinity
  const records: LocalRecord[] = []
  let after = where.after === undefined ? undefined : prefix + where.after
  for (;;) {
    const wanted = limit - records.length
    const scan = { prefix, ...(after === undefined ? {} : { after }) }
    const entries = await unit.scan('records', Number.isFinite(wanted) ? { ...scan, limit: wanted } : scan)
    for (const entry of entries) {
      const record = toLocalRecord(entry.value)
      if (record) records.push(record)
    }
    // Rows that are deleted here but not yet on the server are skipped, so a page may need another scan.
    after = entries.at(-1)?.key
    if (after === undefined || !Number.isFinite(limit) || records.length >= limit) return records
  }
}

export function toLocalRecord(row: StoredRecord): LocalRecord | undefined {
  const shown = visibleData(row)
  if (!shown?.data) return undefined
  const { scope, table, id, localVersion, updatedAtMs } = row
  return {
    scope,
    table,
    id,
    data: shown.data,
    syncStatus: row.conflicts.length > 0 ? 'conflict' : row.pending.length > 0 ? 'pending' : 'synced',
    serverVersion: row.server?.version ?? 0,
    localVersion,
    updatedAtMs,
    serverData: row.server?.data ?? null,
    conflict: row.conflicts.at(-1) ?? null,
  }
}

function utf8Length(text: string): number {
  let length = text.length
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    // A surrogate pair is two units and four bytes; everything else from U+0800 is one unit and three.
    if (unit >= 0x800 && (unit < 0xd800 || unit > 0xdfff)) length += 2
    else if (unit >= 0x80) length += 1
  }
  return length
}
