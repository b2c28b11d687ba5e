import type { JsonObject } from '#lib/core/json.ts'
import type { Priority } from '#lib/protocol/sync.ts'
import { applyEdit } from './apply-edit.ts'
import type { RecordRef } from './device-api.ts'
import { moreUrgent } from './edits.ts'
import { InvalidEditError } from './failure.ts'
import type { FieldEdits } from './field-edits.ts'
import { timeOrderedId } from './identifiers.ts'
import { readIdentity } from './identity.ts'
import type { Kernel } from './kernel.ts'
import { editFields } from './partial-edits.ts'
import { getRecord, type LocalRecord } from './records.ts'
import type { RecordKey } from './stored.ts'
import type { Unit } from './unit.ts'

export interface SagaEdit {
  readonly table: string
  readonly id?: string
  readonly scope?: string
  readonly data: JsonObject | null
  /** What is done to fields of `data` besides. */
  readonly edits?: FieldEdits
}

/**
 * Makes the edits as the steps of one saga. All have one priority, the most urgent of their tables:
 * a step in a slower lane would hold up the later ones.
 * @throws InvalidEditError if a step could never be accepted or changes nothing
 */
export async function applySaga(
  kernel: Kernel,
  unit: Unit,
  edits: readonly SagaEdit[],
  wanted: Priority | undefined,
  resolveKey: (unit: Unit, ref: RecordRef) => Promise<RecordKey>,
): Promise<{
  sagaId: string
  priority: Priority
  keys: readonly RecordKey[]
  records: readonly (LocalRecord | undefined)[]
}> {
  const sagaId = timeOrderedId(kernel.clock, kernel.random)
  const { tables } = await readIdentity(unit)
  const priority =
    wanted ?? edits.map(({ table }) => tables[table]?.priority ?? 'normal').reduce(moreUrgent, 'bulk')
  const keys: RecordKey[] = []
  for (const [index, { data: given, edits: fields, id, ...ref }] of edits.entries()) {
    const key = await resolveKey(unit, { ...ref, id: id ?? timeOrderedId(kernel.clock, kernel.random) })
    const data = given && fields ? (await editFields(kernel, unit, key, given, fields)).data : given
    const saga = { id: sagaId, step: index + 1, steps: edits.length }
    const queued = await applyEdit(kernel, unit, { ...key, data, priority, saga })
    if (queued === null) {
      throw new InvalidEditError('empty_step', `step ${index + 1}: ${key.table}/${key.id} is so already`)
    }
    keys.push(key)
  }
  const records: (LocalRecord | undefined)[] = []
  for (const key of keys) records.push(await getRecord(unit, key))
  return { sagaId, priority, keys, records }
}
