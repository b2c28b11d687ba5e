import { jsonEqual, type JsonObject } from '#lib/core/json.ts'
import type { Change } from '#lib/protocol/sync.ts'
import type { Told } from './told.ts'

const clashing: ReadonlySet<string> = new Set(['conflict', 'superseded', 'stale_version'])

/**
 * Whether an edit lost to the very state that it was made on: the record is as the operation left it that the edit
 * names, and that is as the device pushed it. Where that operation was merged, the edit may well clash with what others
 * brought to the merge, which the device had not seen.
 * @param before the record as the edit found it
 * @param pushed what the operation sent that wrote it; undefined where no device did
 */
export function clashesWithBase({
  change,
  sent,
  before,
  pushed,
}: {
  change: Pick<Told, 'outcome'>
  sent: Pick<Change, 'base_op_id'>
  before: Pick<Told, 'op_id' | 'outcome' | 'data'> | undefined
  pushed: JsonObject | null | undefined
}): boolean {
  if (!before || sent.base_op_id !== before.op_id || !clashing.has(change.outcome)) return false
  // An edit of an older schema was applied, and yet is not as it was sent.
  return before.outcome === 'applied' || (pushed !== undefined && jsonEqual(pushed, before.data))
}
