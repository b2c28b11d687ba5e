import type { Change } from '#lib/protocol/sync.ts'
import type { ChangeRow } from '../../model/tables.ts'
import type { Ledger } from './ledger.ts'

/**
 * The refused operation that an edit holds and that was replayed before it came: what it says of that is in the record,
 * and the edit is what it has beside. Undefined where there is none.
 */
export function replayedWithin(
  ledger: Ledger,
  sent: ReadonlyMap<string, Change>,
  change: Pick<ChangeRow, 'op_id' | 'device_id'>,
): Change | undefined {
  const held = sent.get(change.op_id)?.contains ?? []
  if (held.length === 0) return undefined
  const replayed = ledger.scene.database.tables
    .all('letters')
    .filter(
      ({ device_id, state, replay_op_id: by }) =>
        device_id === change.device_id && state === 'replayed' && by !== change.op_id,
    )
  const last = held.findLast((opId) => replayed.some(({ op_id }) => op_id === opId))
  return last === undefined ? undefined : sent.get(last)
}
