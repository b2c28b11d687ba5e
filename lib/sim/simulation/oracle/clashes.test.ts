import { expect, test } from 'vitest'
import { clashesWithBase, wasMadeOn } from './clashes.ts'

const sent = { base_op_id: 'first' }
const pushed = { note: 'mine', quantity: 1 }
const asPushed = { op_id: 'first', outcome: 'applied', data: pushed } as const

test.each(['conflict', 'superseded', 'stale_version'] as const)(
  'an edit of what the device itself wrote last cannot end as %s',
  (outcome) => {
    expect(clashesWithBase({ change: { outcome }, sent, before: asPushed, pushed })).toBe(true)
    const followed = { ...asPushed, outcome: 'merged' } as const
    expect(clashesWithBase({ change: { outcome }, sent, before: followed, pushed })).toBe(true)
    const raised = { ...asPushed, data: { note: 'mine', quantity: 1, unit: 'kg' } }
    expect(clashesWithBase({ change: { outcome }, sent, before: raised, pushed })).toBe(true)
  },
)

test('it may clash with what others brought to the merge', () => {
  const merged = { ...asPushed, outcome: 'merged', data: { note: 'mine', quantity: 8 } } as const
  expect(clashesWithBase({ change: { outcome: 'conflict' }, sent, before: merged, pushed })).toBe(false)
})

test('it may clash with a write that came after the one it names', () => {
  const later = { ...asPushed, op_id: 'second' }
  expect(clashesWithBase({ change: { outcome: 'conflict' }, sent, before: later, pushed })).toBe(false)
  expect(clashesWithBase({ change: { outcome: 'conflict' }, sent, before: undefined, pushed })).toBe(false)
})

test('what was applied did not clash', () => {
  expect(clashesWithBase({ change: { outcome: 'applied' }, sent, before: asPushed, pushed })).toBe(false)
})

test('an edit was made on what it found where the one it names was told of that, and had pushed the same', () => {
  const before = { scope: 'south', after_version: 2, data: pushed }
  const answer = { kind: 'accepted', scope: 'south', version: 2 } as const
  expect(wasMadeOn(before, answer, pushed)).toBe(true)
  expect(wasMadeOn({ ...before, data: { note: 'theirs', quantity: 1 } }, answer, pushed)).toBe(false)
  expect(wasMadeOn({ ...before, after_version: 3 }, answer, pushed)).toBe(false)
  expect(wasMadeOn({ ...before, scope: 'north' }, answer, pushed)).toBe(false)
  expect(wasMadeOn(before, { ...answer, kind: 'conflict' }, pushed)).toBe(false)
  expect(wasMadeOn(before, answer, undefined)).toBe(false)
  expect(wasMadeOn(before, undefined, pushed)).toBe(false)
})
