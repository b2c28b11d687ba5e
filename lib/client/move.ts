import { canonicalJson } from '#lib/protocol/checksum.ts'
import type { Priority } from '#lib/protocol/sync.ts'
import { editContent } from './apply-edit.ts'
import { InvalidEditError } from './failure.ts'
import { timeOrderedId } from './identifiers.ts'
import { readIdentity } from './identity.ts'
import type { Kernel } from './kernel.ts'
import { enqueue, inheritPriority, revise } from './queue.ts'
import { rehome } from './rehome.ts'
import { readPending, readRow, visibleData, writeRow } from './rows.ts'
import type { PendingOperation, RecordKey } from './stored.ts'
import type { Unit } from './unit.ts'

/**
 * Moves a record to another scope of this device's, with whatever is pending on it. What was never sent is made in the
 * new scope; what is under way goes before.
 * @returns how urgent what it queued is; null where the record is there already
 * @throws InvalidEditError `no_such_record`, `scope_not_granted`, `record_exists`, `cannot_move_now`
 */
export async function moveRecord(
  kernel: Kernel,
  unit: Unit,
  key: RecordKey,
  toScope: string,
  wanted?: Priority,
): Promise<Priority | null> {
  const identity = await readIdentity(unit)
  const name = `${key.table}/${key.id}`
  const row = await readRow(unit, key)
  const data = row && visibleData(row)?.data
  if (!data) throw new InvalidEditError('no_such_record', `${name} is not here`)
  if (toScope === key.scope) return null
  if (!identity.scopes.includes(toScope))
    throw new InvalidEditError('scope_not_granted', `${name}: this device has no grant for "${toScope}"`)
  const target = { ...key, scope: toScope }
  const there = await readRow(unit, target)
  if (there && (visibleData(there)?.data || there.pending.length > 0 || there.conflicts.length > 0))
    throw new InvalidEditError('record_exists', `${name} is in "${toScope}" already`)
  const last = (await readPending(unit, row)).at(-1)
  if (row.conflicts.length > 0 || (last?.wasSent && last.fromScope != null))
    throw new InvalidEditError('cannot_move_now', `${name} is in conflict, or on its way to another scope`)

  const text = canonicalJson(data)
  const content = await editContent(kernel, unit, { data, text, textOps: null })
  const moved = await rehome(unit, row, toScope)
  const { server } = row
  const isOnItsWay = last !== undefined && (last.wasSent || last.saga !== null)
  // Made before somebody else moved the record, it follows it; from where the record is now is a move of its own.
  const isFollowing = last?.operation === 'UPDATE' && last.fromScope == null && last.madeIn != null
  let queued: PendingOperation
  let ordinals = moved.pending
  if (last && !isOnItsWay && !isFollowing) {
    const origin = last.operation === 'CREATE' ? toScope : (last.fromScope ?? key.scope)
    queued = await revise(unit, last, {
      ...{ ...last, hlc: content.hlc, scope: toScope, madeIn: null, madeAs: null },
      fromScope: origin === toScope ? null : origin,
    })
  } else {
    queued = await enqueue(unit, {
      ...content,
      ...target,
      ...{ operation: 'UPDATE', fromScope: key.scope, madeIn: null },
      baseVersion: last?.baseVersion ?? server?.version ?? 0,
      baseChecksum: last ? last.baseChecksum : (server?.checksum ?? null),
      baseOpId: last?.opId ?? null,
      opId: timeOrderedId(kernel.clock, kernel.random),
      priority: wanted ?? identity.tables[key.table]?.priority ?? 'normal',
      editedAtMs: kernel.clock.nowMs(),
    })
    ordinals = [...ordinals, queued.ordinal]
  }
  const pending = [
    ...(await readPending(unit, moved)).filter((each) => each.ordinal !== queued.ordinal),
    queued,
  ]
  // Where the server has it, and whatever was on its way from there, it is not shown until the server has moved it, too.
  for (const { fromScope } of pending) {
    if (fromScope == null || fromScope === toScope) continue
    const left = await readRow(unit, { ...key, scope: fromScope })
    if (left) await writeRow(unit, { ...left, pending: [], local: null, movedTo: toScope })
  }
  await inheritPriority(unit, pending)
  await writeRow(unit, {
    ...moved,
    pending: ordinals,
    local: { data },
    localVersion: row.localVersion + 1,
    updatedAtMs: kernel.clock.nowMs(),
  })
  return queued.priority
}
