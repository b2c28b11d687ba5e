import { expect, test } from 'vitest'
import { recordKey } from '../../model/tables.ts'
import { stateBefore } from './state-before.ts'

const told = (op_id: string, effect: 'UPSERT' | 'DELETE' | 'LEAVE', feedSeq: number) => ({
  ...{ op_id, effect, feedSeq },
})
const made = told('made', 'UPSERT', 4)
const deleted = told('deleted', 'DELETE', 5)
const left = told('moved', 'LEAVE', 6)
const change = { scope: 'south', table: 'tallies', record_id: 'one', op_id: 'moved' }
const arrival = { change: { ...change, rule: { moved_from: 'north' } }, before: undefined }
const update = { operation: 'UPDATE' } as const

const known = (scope: string, history: readonly ReturnType<typeof told>[], compactedTo = 0) => ({
  histories: new Map([[recordKey(scope, 'tallies', 'one'), history]]),
  minSeq: (of: string) => (of === scope ? compactedTo : 0),
})

test('a record that stayed goes on from itself', () => {
  const write = { change: { ...change, rule: {} }, sent: update, before: made }
  expect(stateBefore(known('south', [made]), write)).toBe(made)
})

test('a record that moved goes on from what it left, and not from what came back there in the same batch', () => {
  const back = told('back', 'UPSERT', 6)
  expect(stateBefore(known('north', [made, left]), { ...arrival, sent: update })).toBe(made)
  expect(stateBefore(known('north', [made, left, back]), { ...arrival, sent: update })).toBe(made)
})

test('a record that is brought back by its move goes on from its end, as long as that is kept', () => {
  const write = { ...arrival, sent: update }
  expect(stateBefore(known('north', [made, deleted, left], 4), write)).toBe(made)
  expect(stateBefore(known('north', [made, deleted, left], 5), write)).toBeUndefined()
})

test('a record that lives is known, however far its scope was compacted', () => {
  expect(stateBefore(known('north', [made, left], 5), { ...arrival, sent: update })).toBe(made)
})

test('a record that is brought back where it was goes on from its end, as long as that is kept', () => {
  const write = { change: { ...change, rule: {} }, sent: update, before: deleted }
  expect(stateBefore(known('south', [made, deleted], 4), write)).toBe(made)
  expect(stateBefore(known('south', [made, deleted], 5), write)).toBeUndefined()
})
