import { jsonEqual, type JsonObject } from '#lib/core/json.ts'
import type { Change } from '#lib/protocol/sync.ts'
import type { ResultRow } from '../../model/tables.ts'
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

/**
 * Whether an edit was made on the very state that it found: the operation that it names was told of this version, and
 * had pushed what is there. Who wrote the same beside it, as one who moved the record does, wrote nothing that the edit
 * throws away, whatever the clocks say.
 * @param answer to the operation that the edit names
 * @param pushed what that one sent; undefined where it is not known
 */
export function wasMadeOn(
  before: Pick<Told, 'scope' | 'after_version' | 'data'>,
  answer: Pick<ResultRow, 'kind' | 'scope' | 'version'> | undefined,
  pushed: JsonObject | null | undefined,
): boolean {
  if (answer?.kind !== 'accepted' || pushed === undefined) return false
  const isTold = answer.scope === before.scope && answer.version === before.after_version
  return isTold && jsonEqual(pushed, before.data)
}
