import type { Change } from '#lib/protocol/sync.ts'
import type { ChangeRow, LetterRow } from '../../model/tables.ts'
import type { Ledger } from './ledger.ts'

type Sent = ReadonlyMap<string, Change>
type Edit = Pick<ChangeRow, 'op_id' | 'device_id'>
type Stored = {
  letters: readonly Pick<LetterRow, 'op_id' | 'device_id' | 'state' | 'replay_op_id'>[]
  changes: readonly Pick<ChangeRow, 'op_id' | 'device_id' | 'effect'>[]
}

/** As `lastTaken`, by what the database holds. */
export function replayedWithin({ scene }: Ledger, sent: Sent, edit: Edit): Change | undefined {
  if (!sent.get(edit.op_id)?.contains) return undefined
  const { tables } = scene.database
  return lastTaken({ letters: tables.all('letters'), changes: tables.all('changes') }, sent, edit)
}

/**
 * The refused operation that an edit holds and that was replayed before it came, or had itself been taken before its
 * answer was forgotten: what it says of that is in the record, and the edit is what it has beside. Undefined where there
 * is none. A step of a saga is none: its replay may have been undone with the saga that it went on as, so the edit
 * stands on what it was made on itself.
 */
export function lastTaken({ letters, changes }: Stored, sent: Sent, edit: Edit): Change | undefined {
  const isReplayed = (opId: string) =>
    letters.some(
      ({ op_id, device_id, state, replay_op_id: by }) =>
        op_id === opId && device_id === edit.device_id && state === 'replayed' && by !== edit.op_id,
    )
  const isWritten = (opId: string) =>
    changes.some(
      ({ op_id, device_id, effect }) =>
        op_id === opId && device_id === edit.device_id && (effect === 'UPSERT' || effect === 'DELETE'),
    )
  const held = sent.get(edit.op_id)?.contains ?? []
  const last = held.findLast((opId) => !sent.get(opId)?.saga && (isReplayed(opId) || isWritten(opId)))
  return last === undefined ? undefined : sent.get(last)
}
