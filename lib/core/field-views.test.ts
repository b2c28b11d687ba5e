import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fieldViews, suggestMerge, type ThreeStates } from './field-views.ts'
import type { JsonObject } from './json.ts'
import { mergeRecords } from './merge.ts'
import { defaultPolicy, type TablePolicy } from './policy.ts'

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
  expect(Object.fromEntries(fieldViews(states, null).map(({ path, kind }) => [path, kind]))).toEqual({
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
  const gone = { ...states, client: null }
  const views = fieldViews(gone, null)
  expect(views).toMatchObject([{ path: '', kind: 'clash', client: null }])
  expect(suggestMerge(gone, views)).toBeNull()
})

test('everything one-sided is merged; what clashes has the server’s value until a person decides', () => {
  expect(suggestMerge(states, fieldViews(states, null))).toEqual({
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

test('what is suggested is what a merge with people for its tiebreak makes', () => {
  fc.assert(
    fc.property(record, record, record, (base, client, server) => {
      const states = { base, client, server }
      const side = (data: JsonObject) => ({ data, hlc: '', deviceId: null })
      const { data, clashes } = mergeRecords({
        ...{ base, client: side(client), server: side(server) },
        ruleFor: () => ({ tiebreak: 'manual', shape: 'nested' }),
      })
      const suggestion = suggestMerge(states, fieldViews(states, null))
      expect(suggestion?.data).toEqual(data)
      expect(suggestion?.clashes.length === 0).toBe(clashes.length === 0)
    }),
  )
})

const [one, two] = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002']
const count = (counts: { [device: string]: number }) => ({ $crdt: 'g-counter', counts })

describe('what joins by itself', () => {
  const policy: TablePolicy = {
    ...defaultPolicy('things'),
    fields: { n: { strategy: 'crdt', type: 'g-counter' }, note: { strategy: 'ot' } },
  }
  const states = {
    base: { n: count({ [one]: 1 }), note: 'a pump', name: 'Old', other: count({ [one]: 1 }) },
    client: { n: count({ [one]: 3 }), note: 'a red pump', name: 'Device', other: count({ [one]: 2 }) },
    server: {
      n: count({ [one]: 1, [two]: 5 }),
      note: 'a pump leaks',
      name: 'Server',
      other: count({ [two]: 1 }),
    },
  }

  test('a CRDT and a text that both sides changed are no clash; one under no such rule is', () => {
    const views = fieldViews(states, policy)
    expect(Object.fromEntries(views.map(({ path, kind, merged }) => [path, [kind, merged]]))).toEqual({
      n: ['joined', count({ [one]: 3, [two]: 5 })],
      note: ['merged', 'a red pump leaks'],
      name: ['clash', undefined],
      other: ['clash', undefined],
    })
    expect(suggestMerge(states, views)).toEqual({
      data: { ...states.server, n: count({ [one]: 3, [two]: 5 }), note: 'a red pump leaks' },
      clashes: ['name', 'other'],
    })
  })

  test('a CRDT that one side grew is joined too: nobody can choose that it did not', () => {
    const grown = (client: JsonObject, server: JsonObject) =>
      fieldViews({ base: { n: states.base.n }, client, server }, policy)
    const more = { n: count({ [one]: 2 }) }
    expect(grown(more, { n: states.base.n })).toMatchObject([{ kind: 'joined', merged: more.n }])
    expect(grown({ n: states.base.n }, more)).toMatchObject([{ kind: 'joined', merged: more.n }])
    expect(grown(more, more)).toMatchObject([{ kind: 'same' }])
  })

  test('a person decides where states are of two types, or a text is gone or has no base', () => {
    const kinds = (states: ThreeStates) => fieldViews(states, policy).map(({ kind }) => kind)
    const other = { n: { $crdt: 'g-set', items: [] } }
    expect(kinds({ base: null, client: other, server: { n: count({}) } })).toEqual(['clash'])
    expect(kinds({ base: { note: 'a' }, client: {}, server: { note: 'b' } })).toEqual(['clash'])
    expect(kinds({ base: null, client: { note: 'a' }, server: { note: 'b' } })).toEqual(['clash'])
    expect(kinds({ base: { note: 'a' }, client: { note: 'ab' }, server: { note: 'a' } })).toEqual(['client'])
  })
})
