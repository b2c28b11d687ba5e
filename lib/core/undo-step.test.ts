import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addToGSet, emptyGSet } from './crdt/g-set.ts'
import { setLwwRegister } from './crdt/lww-register.ts'
import { addToOrSet, emptyOrSet, removeFromOrSet } from './crdt/or-set.ts'
import { emptyPnCounter, incrementPnCounter } from './crdt/pn-counter.ts'
import { editText, emptyText } from './crdt/text.ts'
import { crdtValue, mergeCrdt } from './crdt/types.ts'
import type { Current } from './decide.ts'
import type { JsonObject } from './json.ts'
import { defaultPolicy } from './policy.ts'
import { stampAt } from './testing/records.ts'
import { undoStep } from './undo-step.ts'

const policy = defaultPolicy('things')
const id = '0193f3a2-b4c0-7000-8000-00000000abcd'
const by = { id, slot: id, hlc: stampAt(10) }
const anything = { validate: () => null }
const now = (data: JsonObject | null): Current => ({ version: 9, data, hlc: stampAt(9), deviceId: null })
const undo = (
  before: JsonObject | null,
  after: JsonObject | null | undefined,
  current: Current | undefined,
) => undoStep({ before, after, by }, current, policy, anything)

describe('where the record is as the step left it', () => {
  test('the state before returns, and what the step had made is kept', () => {
    expect(undo({ a: 1, b: 1 }, { a: 2, b: 1 }, now({ a: 2, b: 1 }))).toEqual({
      ...{ kind: 'write', outcome: 'applied', data: { a: 1, b: 1 } },
      lost: [{ path: 'a', value: 2, from: 'client', hlc: stampAt(9) }],
    })
  })
  test('a created record is deleted', () => {
    expect(undo(null, { a: 1 }, now({ a: 1 }))).toMatchObject({
      kind: 'write',
      data: null,
      lost: [{ path: '' }],
    })
  })
  test('a deleted record is created again', () => {
    expect(undo({ a: 1 }, null, now(null))).toMatchObject({ kind: 'write', data: { a: 1 } })
    expect(undo({ a: 1 }, null, undefined)).toMatchObject({ kind: 'write', data: { a: 1 } })
  })
})

describe('where others wrote since', () => {
  test('other fields stay', () => {
    expect(undo({ a: 1, b: 1 }, { a: 2, b: 1 }, now({ a: 2, b: 5 }))).toMatchObject({
      ...{ kind: 'write', outcome: 'merged', data: { a: 1, b: 5 } },
      lost: [{ path: 'a', value: 2 }],
    })
  })
  test('the same field is a conflict, under a strategy that asks nobody, too', () => {
    const lww = defaultPolicy('things', 'lww')
    for (const rules of [policy, lww]) {
      expect(undoStep({ before: { a: 1 }, after: { a: 2 }, by }, now({ a: 3 }), rules, anything)).toEqual({
        ...{ kind: 'conflict', code: 'manual', fields: ['a'], proposed: { a: 1 } },
      })
    }
  })
  test('what a person is proposed then has what others wrote besides', () => {
    const [before, after] = [
      { a: 1, b: 1, c: 1 },
      { a: 2, b: 2, c: 1 },
    ]
    expect(undo(before, after, now({ a: 3, b: 2, c: 5, d: 6 }))).toMatchObject({
      ...{ kind: 'conflict', fields: ['a'], proposed: { a: 1, b: 1, c: 5, d: 6 } },
    })
  })
  test('a created record that others filled is a conflict', () => {
    expect(undo(null, { a: 1 }, now({ a: 1, b: 2 }))).toMatchObject({ kind: 'conflict', proposed: null })
  })
  test('a deleted record that others made anew is a conflict', () => {
    expect(undo({ a: 1 }, null, now({ a: 7 }))).toMatchObject({ kind: 'conflict', fields: ['a'] })
  })
  test('a record that others deleted stays deleted', () => {
    expect(undo({ a: 1 }, { a: 2 }, now(null))).toEqual({ kind: 'no_change' })
  })
  test('a record that others set back needs nothing', () => {
    expect(undo({ a: 1 }, { a: 2 }, now({ a: 1 }))).toEqual({ kind: 'no_change' })
  })
})

test('a state that cannot be read any more is nobody’s to guess', () => {
  expect(undo({ a: 1 }, undefined, now({ a: 2 }))).toMatchObject({ kind: 'conflict', fields: ['a'] })
})

test('a state that the rules of today refuse is a conflict, not a write', () => {
  const refuse = { validate: () => ({ code: 'business_rule' as const, detail: '' }) }
  expect(undoStep({ before: { a: 1 }, after: { a: 2 }, by }, now({ a: 2 }), policy, refuse)).toMatchObject({
    kind: 'conflict',
  })
})

const value = fc.integer({ min: 0, max: 2 })
const state = fc.dictionary(fc.constantFrom('a', 'b', 'c'), value)

test('what others wrote since is never overwritten: it stays, or a person is asked', () => {
  fc.assert(
    fc.property(
      state,
      state,
      fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), value),
      (before, after, edit) => {
        const current = { ...after, ...edit }
        const decision = undo(before, after, now(current))
        if (decision.kind !== 'write') return
        const names = [...new Set([...Object.keys(current), ...Object.keys(before)])]
        const edited = names.filter((name) => current[name] !== after[name])
        for (const name of edited) expect(decision.data?.[name]).toBe(current[name])
        // The rest is as if the step had never been.
        const rest = names.filter((name) => !edited.includes(name))
        for (const name of rest) expect(decision.data?.[name]).toBe(before[name])
      },
    ),
  )
})

describe('what only grows is taken back by its opposite', () => {
  const [a, b] = ['0193f3a2-b4c0-7000-8000-00000000000a', '0193f3a2-b4c0-7000-8000-00000000000b']
  const crdt = defaultPolicy('things', 'crdt')
  const undoValue = (before: JsonObject, after: JsonObject, current: JsonObject) => {
    const step = { before: { v: before }, after: { v: after }, by }
    const decision = undoStep(step, now({ v: current }), crdt, anything)
    return decision.kind === 'write' ? (decision.data?.['v'] as JsonObject) : decision.kind
  }
  /** What a device that still has the state after the step makes of it when it joins. */
  const joinedBy = (undone: JsonObject | string, after: JsonObject) => {
    if (typeof undone === 'string') throw new Error(undone)
    return crdtValue(mergeCrdt(undone, after)!)
  }

  test('a counter, with what others counted since, and after an old state was joined again', () => {
    const before = incrementPnCounter(incrementPnCounter(emptyPnCounter, a, 5), b, -1)
    const after = incrementPnCounter(incrementPnCounter(before, a, 3), a, -2)
    expect(joinedBy(undoValue(before, after, after), after)).toBe(4)
    const since = incrementPnCounter(after, b, 10)
    expect(joinedBy(undoValue(before, after, since), after)).toBe(14)
  })

  test('a set: what was added goes, what was removed is there again, others’ additions stay', () => {
    const before = addToOrSet(emptyOrSet, 'keep', 't1')
    const after = addToOrSet(removeFromOrSet(before, 'keep'), 'new', 't2')
    const since = addToOrSet(after, 'theirs', 't3')
    expect(joinedBy(undoValue(before, after, since), after)).toEqual(['keep', 'theirs'])
    // Somebody else added the same: their addition is not the step's to take back.
    const also = addToOrSet(since, 'new', 't4')
    expect(joinedBy(undoValue(before, after, also), after)).toEqual(['keep', 'new', 'theirs'])
  })

  test('a register, unless somebody set it since', () => {
    const before = setLwwRegister('old', stampAt(1))
    const after = setLwwRegister('new', stampAt(20))
    expect(joinedBy(undoValue(before, after, after), after)).toBe('old')
    const since = setLwwRegister('theirs', stampAt(30))
    expect(undoValue(before, after, since)).toBe('no_change')
  })

  test('a text, letter by letter', () => {
    const before = editText(emptyText, 1, [{ at: 0, insert: 'The pump leaks.' }])
    const after = editText(before, 1, [{ at: 4, remove: 4, insert: 'valve' }])
    const since = editText(after, 2, [{ at: 0, insert: 'Note: ' }])
    expect(joinedBy(undoValue(before, after, since), since)).toBe('Note: The pump leaks.')
  })

  test('what has no opposite is for a person', () => {
    const [before, after] = [addToGSet(emptyGSet, 1), addToGSet(addToGSet(emptyGSet, 1), 2)]
    expect(undoValue(before, after, after)).toBe('conflict')
  })

  test('beside a place that clashes, a person is proposed the counter without the step, and with the others’ counts', () => {
    const before = { n: 1, v: incrementPnCounter(emptyPnCounter, a, 5) }
    const after = { n: 2, v: incrementPnCounter(before.v, a, 3) }
    const since = { n: 3, v: incrementPnCounter(after.v, b, 10) }
    const decision = undoStep({ before, after, by }, now(since), crdt, anything)
    const proposed = decision.kind === 'conflict' ? decision.proposed : null
    expect(proposed?.['n']).toBe(1)
    expect(joinedBy(proposed?.['v'] as JsonObject, since.v)).toBe(15)
    // Where the step is not to be told from what came after it, nothing is taken back of a CRDT.
    const lost = undoStep({ before, after: undefined, by }, now(since), crdt, anything)
    expect(lost).toMatchObject({ kind: 'conflict', proposed: { n: 1, v: since.v } })
  })

  test('beside it, plain fields are restored as ever', () => {
    const counter = incrementPnCounter(emptyPnCounter, a, 1)
    const step = { before: { n: 1, v: counter }, after: { n: 2, v: counter }, by }
    expect(
      undoStep(step, now({ n: 2, v: incrementPnCounter(counter, b, 1), m: 1 }), crdt, anything),
    ).toMatchObject({
      ...{ kind: 'write', data: { n: 1, m: 1, v: { inc: { [b]: 1 } } } },
    })
  })
})

test('a text field under OT keeps what others typed since', () => {
  const ot = { ...policy, fields: { note: { strategy: 'ot' as const } } }
  const step = { before: { note: 'a b' }, after: { note: 'a big b' }, by }
  expect(undoStep(step, now({ note: 'so: a big b!' }), ot, anything)).toMatchObject({
    ...{ kind: 'write', outcome: 'merged', data: { note: 'so: a b!' } },
  })
})
