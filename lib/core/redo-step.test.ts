import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addToGSet, emptyGSet } from './crdt/g-set.ts'
import { setLwwRegister } from './crdt/lww-register.ts'
import { addToOrSet, emptyOrSet, removeFromOrSet } from './crdt/or-set.ts'
import { emptyPnCounter, incrementPnCounter } from './crdt/pn-counter.ts'
import { editText, emptyText } from './crdt/text.ts'
import { crdtOverreach, crdtValue, mergeCrdt } from './crdt/types.ts'
import type { JsonObject } from './json.ts'
import { defaultPolicy } from './policy.ts'
import { redoStep } from './redo-step.ts'
import { stampAt } from './testing/records.ts'
import { undoStep } from './undo-step.ts'

const policy = defaultPolicy('things', 'crdt')
const [a, b] = ['0193f3a2-b4c0-7000-8000-00000000000a', '0193f3a2-b4c0-7000-8000-00000000000b']
const by = (round: number) => {
  const id = `0193f3a2-b4c0-7000-8000-${String(round).padStart(12, '0')}`
  return { id, slot: id, hlc: stampAt(1_000 + round) }
}

/** A step is undone and sent again, so many times, with what others make of the record before each. */
function again(before: JsonObject, after: JsonObject, rounds: readonly ((v: JsonObject) => JsonObject)[]) {
  let sent = after
  let from = before
  let current = after
  for (const [round, others] of rounds.entries()) {
    const step = { before: { v: from }, after: { v: current }, by: by(2 * round) }
    const now = { version: 1, data: { v: current }, hlc: stampAt(9), deviceId: null }
    const undone = undoStep(step, now, policy, { validate: () => null })
    if (undone.kind !== 'write') throw new Error(undone.kind)
    const left = undone.data?.['v'] as JsonObject
    const undoing = { before: { v: current }, after: { v: left } }
    const redone = redoStep({ v: sent }, undoing, undefined, policy, by(2 * round + 1))
    if (!redone) throw new Error('cannot be redone')
    const data = redone['v'] as JsonObject
    // It is an edit of what the undoing left, and of what the step was made on at first.
    for (const base of [left, before]) {
      expect(crdtOverreach({ before: base, after: data, known: data, deviceId: a })).toBeNull()
    }
    from = others(left)
    current = mergeCrdt(data, from)!
    sent = data
  }
  return crdtValue(current)
}
const nobody = (v: JsonObject) => v

describe('what was taken back of a CRDT is there again', () => {
  test('a counter, whatever was added and however often, with what others count', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 1, maxLength: 4 }),
        fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 1, maxLength: 4 }),
        (amounts, theirs) => {
          const before = incrementPnCounter(emptyPnCounter, b, 7)
          const after = amounts.reduce((counter, by) => incrementPnCounter(counter, a, by), before)
          fc.pre(crdtValue(after) !== 7 || JSON.stringify(after) !== JSON.stringify(before))
          const sum = (all: number[]) => all.reduce((total, by) => total + by, 0)
          const rounds = theirs.map((by) => (v: JsonObject) => incrementPnCounter(v as typeof before, b, by))
          expect(again(before, after, rounds)).toBe(7 + sum(amounts) + sum(theirs))
        },
      ),
    )
  })

  test('a set: what the step added and what it removed', () => {
    const before = addToOrSet(emptyOrSet, 'gone', 't1')
    const after = addToOrSet(removeFromOrSet(before, 'gone'), 'new', 't2')
    expect(again(before, after, [nobody, nobody])).toEqual(['new'])
    const others = (v: JsonObject) => addToOrSet(v as typeof before, 'theirs', 't3')
    expect(again(before, after, [others, nobody])).toEqual(['new', 'theirs'])
  })

  test('a register', () => {
    const [before, after] = [setLwwRegister('old', stampAt(1)), setLwwRegister('new', stampAt(2))]
    expect(again(before, after, [nobody, nobody, nobody])).toBe('new')
  })

  test('a text', () => {
    const before = editText(emptyText, 1, [{ at: 0, insert: 'The pump leaks.' }])
    const after = editText(before, 1, [{ at: 4, remove: 4, insert: 'valve' }])
    expect(again(before, after, [nobody, nobody])).toBe('The valve leaks.')
  })
})

test('steps on one record stand on each other', () => {
  const first = incrementPnCounter(emptyPnCounter, a, 1)
  const second = incrementPnCounter(first, a, 2)
  const undone = (state: typeof first, slot: string, by: number) => incrementPnCounter(state, slot, -by)
  const after2 = undone(second, b, 2)
  const after1 = undone(after2, by(8).id, 1)
  const one = redoStep(
    { v: first },
    { before: { v: after2 }, after: { v: after1 } },
    undefined,
    policy,
    by(1),
  )
  const two = redoStep({ v: second }, { before: { v: second }, after: { v: after2 } }, one!, policy, by(2))
  expect(crdtValue(one!['v'] as JsonObject)).toBe(1)
  expect(crdtValue(two!['v'] as JsonObject)).toBe(3)
})

test('what has no opposite cannot be done again, and what was not touched stays as it is', () => {
  const [small, large] = [addToGSet(emptyGSet, 1), addToGSet(addToGSet(emptyGSet, 1), 2)]
  expect(
    redoStep({ v: large }, { before: { v: small }, after: { v: large } }, undefined, policy, by(1)),
  ).toBeNull()
  const same = { before: { v: small, n: 1 }, after: { v: small, n: 2 } }
  expect(redoStep({ v: small, n: 1 }, same, undefined, policy, by(1))).toEqual({ v: small, n: 1 })
})
