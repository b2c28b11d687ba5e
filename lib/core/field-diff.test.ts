import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { JsonObject } from './json.ts'
import { fieldChanges } from './field-diff.ts'
import { parsePath, withValueAt } from './merge.ts'

const record: fc.Arbitrary<JsonObject> = fc.dictionary(
  fc.constantFrom('a', 'b', 'c.d', 'e\\'),
  fc.oneof(
    fc.integer({ min: 0, max: 3 }),
    fc.dictionary(fc.constantFrom('x', 'y'), fc.integer({ min: 0, max: 3 })),
  ),
) as fc.Arbitrary<JsonObject>

test('the changes between two states lead from one to the other', () => {
  fc.assert(
    fc.property(record, record, (before, after) => {
      const walked = fieldChanges(before, after).reduce(
        (data, change) => withValueAt(data, parsePath(change.path), change.after),
        before,
      )
      expect(walked).toEqual(after)
    }),
  )
})

test('a CRDT is one place, however deep its state', () => {
  const count = (n: number) => ({ $crdt: 'g-counter', counts: { '00000000-0000-4000-8000-000000000001': n } })
  expect(fieldChanges({ a: count(1) }, { a: count(2) })).toEqual([
    { path: 'a', before: count(1), after: count(2) },
  ])
})
