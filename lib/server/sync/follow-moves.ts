import { keyOfChange, type BatchContext } from './batch.ts'
import type { ReadChange } from './read-changes.ts'
import type { RecordStates } from './record-states.ts'

/** What a person or an undoing writes in a place is meant for that place. */
export const isFollowed = ({ exact, undoes }: Pick<BatchContext, 'exact' | 'undoes'>): boolean =>
  !exact && !undoes

/**
 * A change, directed to where its record is as the batch stands: a device that was away made its edit in a scope that the
 * record left since, and operations of the batch itself may have moved it, there or back.
 */
export function followMove(read: ReadChange, states: RecordStates): ReadChange {
  if (!read.change) return read
  const key = keyOfChange(read.change)
  const scope = states.scopeNow(key)
  if (scope === key.scope) return read
  const moves = read.change.scope !== key.scope
  const directed = moves ? { from_scope: scope } : { scope, from_scope: undefined }
  return { ...read, change: { ...read.change, ...directed }, madeIn: key.scope, sent: read.change }
}
