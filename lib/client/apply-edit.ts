import { findUnfaithful, isJsonObject, jsonEqual, type JsonObject } from '#lib/core/json.ts'
import { canonicalJson } from '#lib/protocol/checksum.ts'
import type { TextEdits } from '#lib/core/text/fields.ts'
import type { Operation, Priority } from '#lib/protocol/sync.ts'
import { containing, moreUrgent, planEdit, sideOpId, type EditPlan } from './edits.ts'
import { InvalidEditError } from './failure.ts'
import { timeOrderedId } from './identifiers.ts'
import { readIdentity } from './identity.ts'
import type { Kernel } from './kernel.ts'
import { dequeue, enqueue, inheritPriority, revise } from './queue.ts'
import { emptyRow, readPending, readRow, settled, visibleData, writeRow } from './rows.ts'
import { openStamps } from './stamps.ts'
import type { EditContent, PendingOperation, RecordKey, SagaPlace, StoredRecord } from './stored.ts'
import { composeTextEdits } from './text-edits.ts'
import type { Unit } from './unit.ts'

/** Envelope fields around `data` on the wire, generously counted. */
const CHANGE_OVERHEAD_BYTES = 600

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export interface EditRequest extends RecordKey {
  /** The full state wanted; null to delete. */
  readonly data: JsonObject | null
  readonly priority: Priority | undefined
  /** The steps through its texts that lead from the record as it is shown to `data`, where they are known. */
  readonly textOps?: TextEdits
  /** The version of the app's schema that the data is in; left out, the present one. */
  readonly schemaVersion?: number
  readonly saga?: SagaPlace
  /** A refused operation whose edit this one is, sent again, after those that it held itself. */
  readonly resends?: readonly string[]
  /** Set to make the edit on this state of the server's instead of on what the device has. */
  readonly base?: Pick<PendingOperation, 'baseVersion' | 'baseChecksum'>
}

/**
 * Records an edit and queues it, in the unit given.
 * @returns how urgent the queued operation is; null where nothing had to be queued
 * @throws InvalidEditError if the edit could never be accepted; nothing is changed
 */
export async function applyEdit(kernel: Kernel, unit: Unit, edit: EditRequest): Promise<Priority | null> {
  const identity = await readIdentity(unit)
  const text = checkEdit(edit, identity.limits.maxRecordBytes)
  const row = await readRow(unit, edit)
  const pending = await readPending(unit, row)
  const shown = row ? visibleData(row) : null
  if (!edit.base && jsonEqual(shown?.data ?? null, edit.data)) return null

  if (row?.movedTo != null)
    throw new InvalidEditError('no_such_record', `${edit.table}/${edit.id} was moved to "${row.movedTo}"`)
  const plan = planRebase(edit) ?? planEdit(row, pending, edit.data, edit.saga !== undefined)
  const base = row ?? emptyRow(edit)
  const nowMs = kernel.clock.nowMs()
  const last = pending.at(-1)
  if (plan.kind === 'nothing') return null
  if (plan.kind === 'cancel') {
    await cancelLast(unit, base, pending, nowMs)
    return last?.priority ?? null
  }

  const textOps = textOpsOf(plan, edit, row, pending)
  const content = {
    ...(await editContent(kernel, unit, {
      data: edit.data,
      text,
      textOps,
      schemaVersion: edit.schemaVersion,
    })),
    operation: plan.operation,
    saga: edit.saga ?? null,
    contains: containing(plan.kind === 'replace' ? last?.contains : [], edit.resends),
  }
  const wanted = edit.priority ?? identity.tables[edit.table]?.priority ?? 'normal'
  let queued: PendingOperation
  let ordinals = base.pending
  if (plan.kind === 'replace') {
    if (!last) throw new Error('there is no operation to replace')
    const priority = moreUrgent(last.priority, edit.priority ?? last.priority)
    queued = await revise(unit, last, { ...last, ...content, priority, madeAs: null })
    await inheritPriority(unit, [...pending.slice(0, -1), queued])
  } else {
    const { scope, table, id } = edit
    const { baseVersion, baseChecksum, baseOpId } = plan
    queued = await enqueue(unit, {
      ...content,
      ...{ scope, table, id, baseVersion, baseChecksum, baseOpId },
      opId: timeOrderedId(kernel.clock, kernel.random),
      priority: wanted,
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
  return queued.priority
}

/** What an edit made now says of a state. @param state.text its canonical text */
export async function editContent(
  kernel: Kernel,
  unit: Unit,
  state: {
    data: JsonObject | null
    text: string
    textOps: TextEdits | null
    schemaVersion?: number | undefined
  },
): Promise<
  Pick<EditContent, 'data' | 'textOps' | 'hlc' | 'checksum' | 'sizeBytes' | 'schemaVersion' | 'saga'>
> {
  const { data, text, textOps, schemaVersion = kernel.policy.schemaVersion } = state
  const { deviceId } = await readIdentity(unit)
  const stamps = await openStamps(unit, kernel.clock, deviceId)
  const hlc = stamps.next()
  stamps.save()
  const sizeBytes = utf8Length(text) + utf8Length(JSON.stringify(textOps)) + CHANGE_OVERHEAD_BYTES
  return { data, textOps, hlc, checksum: kernel.sha256Hex(text), sizeBytes, schemaVersion, saga: null }
}

/** Takes the last operation back; what it was made on shows again. */
async function cancelLast(
  unit: Unit,
  row: StoredRecord,
  pending: readonly PendingOperation[],
  nowMs: number,
): Promise<void> {
  const last = pending.at(-1)
  if (last) await dequeue(unit, last)
  const earlier = pending.slice(0, -1)
  await writeRow(
    unit,
    settled({
      ...row,
      pending: earlier.map((operation) => operation.ordinal),
      local: { data: earlier.at(-1)?.data ?? null },
      localVersion: row.localVersion + 1,
      updatedAtMs: nowMs,
    }),
  )
}

/** The steps through its texts that the queued operation tells: those of the edits it replaces among them. */
function textOpsOf(
  plan: EditPlan & { operation: Operation },
  { data, textOps = {} }: EditRequest,
  row: StoredRecord | undefined,
  pending: readonly PendingOperation[],
): TextEdits | null {
  // What is made from nothing, or unmade, is told by its data alone.
  if (plan.operation !== 'UPDATE') return null
  const last = pending.at(-1)
  if (plan.kind !== 'replace' || !last) return Object.keys(textOps).length > 0 ? textOps : null
  return composeTextEdits(last, { data, textOps }, stateBeneath(row, pending))
}

/** What the last operation was made on; undefined where this device does not have it any more. */
function stateBeneath(
  row: StoredRecord | undefined,
  pending: readonly PendingOperation[],
): JsonObject | null | undefined {
  const [beneath, last] = [pending.at(-2), pending.at(-1)]
  if (beneath && beneath.opId === last?.baseOpId) return beneath.data
  if (last?.baseOpId != null) return row?.conflicts.find((mark) => sideOpId(mark) === last.baseOpId)?.mine
  const isServers = row?.server?.version === last?.baseVersion && row?.server?.checksum === last?.baseChecksum
  return isServers ? row?.server?.data : undefined
}

function planRebase(edit: EditRequest): EditPlan | null {
  if (!edit.base) return null
  const operation = edit.data === null ? 'DELETE' : edit.base.baseVersion === 0 ? 'CREATE' : 'UPDATE'
  return { kind: 'append', operation, ...edit.base, baseOpId: null }
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
