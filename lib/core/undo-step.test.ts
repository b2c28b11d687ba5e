import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Current } from './decide.ts'
import type { JsonObject } from './json.ts'
import { defaultPolicy } from './policy.ts'
import { stampAt } from './testing/records.ts'
import { undoStep } from './undo-step.ts'

const policy = defaultPolicy('things')
const anything = { validate: () => null }
const now = (data: JsonObject | null): Current => ({ version: 9, data, hlc: stampAt(9), deviceId: null })
const undo = (
  before: JsonObject | null,
  after: JsonObject | null | undefined,
  current: Current | undefined,
) => undoStep({ before, after }, current, policy, anything)

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
      expect(undoStep({ before: { a: 1 }, after: { a: 2 } }, now({ a: 3 }), rules, anything)).toEqual({
        ...{ kind: 'conflict', code: 'manual', fields: ['a'] },
      })
    }
  })
  test('a created record that others filled is a conflict', () => {
    expect(undo(null, { a: 1 }, now({ a: 1, b: 2 }))).toMatchObject({ kind: 'conflict' })
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
  expect(undoStep({ before: { a: 1 }, after: { a: 2 } }, now({ a: 2 }), policy, refuse)).toMatchObject({
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
