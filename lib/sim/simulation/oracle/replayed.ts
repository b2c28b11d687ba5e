import type { Change } from '#lib/protocol/sync.ts'
import type { ChangeRow, LetterRow } from '../../model/tables.ts'

/**
 * The refused operation that an edit holds and that was replayed before it came: what it says of that is in the record,
 * and the edit is what it has beside. Undefined where there is none. A step of a saga is none: its replay may have been
 * undone with the saga that it went on as, so the edit stands on what it was made on itself.
 */
export function replayedWithin(
  letters: readonly Pick<LetterRow, 'op_id' | 'device_id' | 'state' | 'replay_op_id'>[],
  sent: ReadonlyMap<string, Change>,
  change: Pick<ChangeRow, 'op_id' | 'device_id'>,
): Change | undefined {
  const held = sent.get(change.op_id)?.contains ?? []
  if (held.length === 0) return undefined
  const replayed = letters.filter(
    ({ device_id, state, replay_op_id: by }) =>
      device_id === change.device_id && state === 'replayed' && by !== change.op_id,
  )
  const last = held.findLast((opId) => !sent.get(opId)?.saga && replayed.some(({ op_id }) => op_id === opId))
  return last === undefined ? undefined : sent.get(last)
}
