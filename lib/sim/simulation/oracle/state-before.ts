import type { Change } from '#lib/protocol/sync.ts'
import { recordKey, type ChangeRow } from '../../model/tables.ts'
import type { Told } from './told.ts'

type State = Pick<Told, 'op_id' | 'effect' | 'feedSeq'>

/**
 * What the CRDTs of a record go on from: where it came from another scope, from what it left there; brought back, from its
 * end. Undefined where there is nothing, or where nobody knows it any more.
 */
export function stateBefore<Known extends State>(
  {
    histories,
    minSeq,
  }: { histories: ReadonlyMap<string, readonly Known[]>; minSeq: (scope: string) => number },
  {
    change,
    sent,
    before,
  }: {
    change: Pick<ChangeRow, 'scope' | 'table' | 'record_id' | 'op_id' | 'rule'>
    sent: Pick<Change, 'operation'> | undefined
    before: Known | undefined
  },
): Known | undefined {
  const { moved_from: from } = change.rule
  const isMoved = typeof from === 'string'
  const isBroughtBack = before?.effect === 'DELETE' && sent?.operation === 'UPDATE'
  if (!isMoved && !isBroughtBack) return before?.effect === 'UPSERT' ? before : undefined
  const scope = isMoved ? from : change.scope
  const history = histories.get(recordKey(scope, change.table, change.record_id)) ?? []
  // A batch is told scope by scope: where the record left, the same batch may have brought it back since.
  const leaving = history.findLastIndex(
    ({ effect, op_id: opId }) => isMoved && effect === 'LEAVE' && opId === change.op_id,
  )
  const earlier = leaving < 0 ? history : history.slice(0, leaving)
  // Where the mark is past its end, nobody knows any more what was in it.
  const end = earlier.at(-1)
  if (end && end.effect !== 'UPSERT' && end.feedSeq <= minSeq(scope)) return undefined
  return earlier.findLast(({ effect }) => effect === 'UPSERT')
}
