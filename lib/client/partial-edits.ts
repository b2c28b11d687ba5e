import type { JsonObject } from '#lib/core/json.ts'
import type { Priority } from '#lib/protocol/sync.ts'
import { applyEdit } from './apply-edit.ts'
import { InvalidEditError } from './failure.ts'
import { applyFieldEdits, type FieldEdits } from './field-edits.ts'
import { timeOrderedId } from './identifiers.ts'
import { readIdentity } from './identity.ts'
import type { Kernel } from './kernel.ts'
import { readRow, visibleData } from './rows.ts'
import { openStamps } from './stamps.ts'
import type { RecordKey } from './stored.ts'
import type { Unit } from './unit.ts'

/**
 * Replaces some fields of a record as it is shown.
 * @returns how urgent what it queued is; null where it queued nothing
 * @throws InvalidEditError
 */
export async function patchRecord(
  kernel: Kernel,
  unit: Unit,
  key: RecordKey,
  { set, unset, priority }: { set: JsonObject; unset: readonly string[]; priority: Priority | undefined },
): Promise<Priority | null> {
  const kept = Object.entries(await shownData(unit, key)).filter(([name]) => !unset.includes(name))
  return applyEdit(kernel, unit, { ...key, data: { ...Object.fromEntries(kept), ...set }, priority })
}

/** Edits fields by what they are. Returns and throws as `patchRecord`. */
export async function editRecord(
  kernel: Kernel,
  unit: Unit,
  key: RecordKey,
  { edits, priority }: { edits: FieldEdits; priority: Priority | undefined },
): Promise<Priority | null> {
  const { deviceId } = await readIdentity(unit)
  const stamps = await openStamps(unit, kernel.clock, deviceId)
  const edited = applyFieldEdits(await shownData(unit, key), edits, {
    deviceId,
    stamp: () => stamps.next(),
    tag: () => timeOrderedId(kernel.clock, kernel.random),
    write: (path, state, ops) =>
      kernel.textWriters.edit(JSON.stringify([key.scope, key.table, key.id, path]), state, ops),
  })
  stamps.save()
  return applyEdit(kernel, unit, { ...key, ...edited, priority })
}

async function shownData(unit: Unit, key: RecordKey): Promise<JsonObject> {
  const row = await readRow(unit, key)
  const shown = row ? visibleData(row) : null
  if (!shown?.data) throw new InvalidEditError('no_such_record', `${key.table}/${key.id} is not here`)
  return shown.data
}
