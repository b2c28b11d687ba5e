import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { JsonObject } from './json.ts'
import { fieldChanges, fieldViews, suggestMerge } from './field-diff.ts'
import { parsePath, withValueAt } from './merge.ts'

const states = {
  base: { name: 'Old', phone: '1', address: { street: 'A', city: 'X' }, 'a.b': 1, kept: true },
  client: { name: 'Device', phone: '2', address: { street: 'B', city: 'X' }, 'a.b': 2, kept: true },
  server: {
    name: 'Server',
    phone: '1',
    address: { street: 'A', city: 'Y' },
    'a.b': 2,
    kept: true,
    added: [1],
  },
}

test('tells who changed what, down into nested objects', () => {
  expect(Object.fromEntries(fieldViews(states).map(({ path, kind }) => [path, kind]))).toEqual({
    name: 'clash',
    phone: 'client',
    'address.street': 'client',
    'address.city': 'server',
    'a\\.b': 'same',
    kept: 'unchanged',
    added: 'server',
  })
})

test('the record is the only place where a side deleted it', () => {
  expect(fieldViews({ ...states, client: null })).toMatchObject([{ path: '', kind: 'clash', client: null }])
  expect(suggestMerge({ ...states, client: null })).toBeNull()
})

test('everything one-sided is merged; what clashes has the server’s value until a person decides', () => {
  expect(suggestMerge(states)).toEqual({
    data: {
      name: 'Server',
      phone: '2',
      address: { street: 'B', city: 'Y' },
      'a.b': 2,
      kept: true,
      added: [1],
    },
    clashes: ['name'],
  })
})

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

test('a suggestion clashes where the views do', () => {
  fc.assert(
    fc.property(record, record, record, (base, client, server) => {
      const clashes = fieldViews({ base, client, server }).filter(({ kind }) => kind === 'clash')
      const suggestion = suggestMerge({ base, client, server })
      expect(suggestion?.clashes.length === 0).toBe(clashes.length === 0)
    }),
  )
})

test('a CRDT is one place, however deep its state', () => {
  const count = (n: number) => ({ $crdt: 'g-counter', counts: { '00000000-0000-4000-8000-000000000001': n } })
  const places = fieldViews({ base: { a: count(1) }, client: { a: count(2) }, server: { a: count(1) } })
  expect(places.map(({ path, kind }) => [path, kind])).toEqual([['a', 'client']])
  expect(fieldChanges({ a: count(1) }, { a: count(2) })).toEqual([
    { path: 'a', before: count(1), after: count(2) },
  ])
})
