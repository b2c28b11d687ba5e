import type { JsonObject } from '#lib/core/json.ts'
import type { TextEdits } from '#lib/core/text/fields.ts'
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
  const edited = await editFields(kernel, unit, key, await shownData(unit, key), edits)
  return applyEdit(kernel, unit, { ...key, ...edited, priority })
}

/**
 * A state of a record after edits of its fields in this device's name.
 * @throws InvalidEditError as `applyFieldEdits`
 */
export async function editFields(
  kernel: Kernel,
  unit: Unit,
  { scope, table, id }: RecordKey,
  data: JsonObject,
  edits: FieldEdits,
): Promise<{ data: JsonObject; textOps: TextEdits }> {
  const { deviceId } = await readIdentity(unit)
  const stamps = await openStamps(unit, kernel.clock, deviceId)
  const placeOf = (path: string) => JSON.stringify([scope, table, id, path])
  const edited = applyFieldEdits(data, edits, {
    stamp: () => stamps.next(),
    tag: () => timeOrderedId(kernel.clock, kernel.random),
    write: (path, state, ops) => kernel.textWriters.edit(placeOf(path), state, ops),
    count: (path, counter, by) => kernel.counters.count(deviceId, placeOf(path), counter, by),
  })
  stamps.save()
  return edited
}

async function shownData(unit: Unit, key: RecordKey): Promise<JsonObject> {
  const row = await readRow(unit, key)
  const shown = row ? visibleData(row) : null
  if (!shown?.data) throw new InvalidEditError('no_such_record', `${key.table}/${key.id} is not here`)
  return shown.data
}
