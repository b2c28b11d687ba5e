import { describe, expect, test } from 'vitest'
import { decide, type Base, type Current } from '../decide.ts'
import type { Json, JsonObject } from '../json.ts'
import { defaultPolicy, type TablePolicy } from '../policy.ts'
import { earlier, later } from '../testing/edits.ts'
import { crdtAhead, crdtRefusal, joinPlaces, joinStates, sameRecord } from './places.ts'

const [one, two] = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002']
type Counts = { [slot: string]: number }
const count = (counts: Counts) => ({ $crdt: 'g-counter', counts })
const set = (...items: Json[]) => ({ $crdt: 'g-set', items })
const table = defaultPolicy('stock', 'crdt')
const field: TablePolicy = {
  ...defaultPolicy('mixed'),
  fields: { 'parts.n': { strategy: 'crdt', type: 'g-counter' } },
}

describe('an edit is refused before anything is decided', () => {
  const base: Base = { data: { n: count({ [one]: 2 }) }, standsOn: 1 }
  const current: Current = {
    ...{ version: 1, data: { n: count({ [one]: 2 }) }, hlc: earlier, deviceId: two },
  }
  const edited = (data: JsonObject, more: { current?: Current; isHistoryLost?: boolean } = {}) =>
    decide({ operation: 'UPDATE', data, hlc: later, deviceId: one }, base, more.current ?? current, table, {
      validate: () => null,
      ...(more.isHistoryLost && { isHistoryLost: true }),
    })

  test.each<[string, JsonObject, string, string]>([
    ['lowers a count', { n: count({ [one]: 1 }) }, 'invalid_change', `/data/n/counts/${one}`],
    ['counts for another', { n: count({ [one]: 2, [two]: 1 }) }, 'invalid_change', `/data/n/counts/${two}`],
    ['takes it out', {}, 'invalid_change', '/data/n'],
    ['makes another type of it', { n: set() }, 'invalid_change', '/data/n'],
    ['is malformed', { n: { $crdt: 'g-counter', counts: 1 } }, 'schema_mismatch', '/data/n/counts'],
    ['is of no type', { n: count({ [one]: 2 }), x: { $crdt: 'y' } }, 'schema_mismatch', '/data/x/$crdt'],
    ['has one in a list', { n: count({ [one]: 2 }), x: [set()] }, 'schema_mismatch', '/data/x/0'],
  ])('that %s', (_, data, code, pointer) => {
    expect(edited(data)).toMatchObject({ kind: 'reject', refusal: { code, errors: [{ pointer }] } })
  })

  test('but may say what others counted where the server lost that', () => {
    const data = { n: count({ [one]: 2, [two]: 1 }) }
    expect(edited(data, { isHistoryLost: true })).toMatchObject({ kind: 'write', data })
  })

  test('and of a deleted record, what it was edited from still counts', () => {
    const gone = { ...current, version: 2, data: null }
    expect(edited({ n: count({ [one]: 3 }) }, { current: gone })).toMatchObject({ kind: 'write' })
    expect(edited({ n: count({ [one]: 3, [two]: 9 }) }, { current: gone })).toMatchObject({ kind: 'reject' })
    const known = { data: { n: count({ [one]: 2, [two]: 9 }) }, standsOn: 1 }
    const edit = { operation: 'UPDATE', hlc: later, deviceId: one } as const
    const data = { n: count({ [one]: 3, [two]: 9 }) }
    expect(decide({ ...edit, data }, known, gone, table, { validate: () => null }).kind).toBe('write')
  })

  test('a state that is written differently is no change', () => {
    expect(edited({ n: count({ [one]: 2, [two]: 0 }) })).toEqual({ kind: 'no_change' })
  })

  test('a field of a type holds nothing else', () => {
    const refused = (data: JsonObject) => crdtRefusal(field, { data, deviceId: one }, null, null)
    expect(refused({ parts: { n: 1 } })).toMatchObject({ errors: [{ pointer: '/data/parts/n' }] })
    expect(refused({ parts: { n: set() } })).toMatchObject({ code: 'schema_mismatch' })
    expect(refused({ parts: { n: count({ [one]: 1 }) }, x: { $crdt: 'anything' }, y: [set()] })).toBeNull()
  })
})

describe('two that count under one device id', () => {
  const run = '11111111-1111-8111-8000-000000000001'
  const meet = (base: Counts | undefined, ours: Counts, theirs: Counts) =>
    decide(
      { operation: 'UPDATE', data: { n: count(ours) }, hlc: later, deviceId: one },
      { data: base && { n: count(base) }, standsOn: 1 },
      { version: 2, data: { n: count(theirs) }, hlc: earlier, deviceId: one },
      table,
      { validate: () => null },
    )
  const kept = (ours: Counts) => [{ path: 'n', value: count(ours), from: 'client', hlc: later }]

  test('may have added more than the join holds: what came second is kept beside it', () => {
    expect(meet({ [one]: 5 }, { [one]: 6 }, { [one]: 6 })).toEqual({
      ...{ kind: 'superseded', lost: kept({ [one]: 6 }) },
    })
    expect(meet({ [one]: 5 }, { [one]: 6 }, { [one]: 8 })).toMatchObject({
      ...{ kind: 'superseded', lost: kept({ [one]: 6 }) },
    })
    expect(meet({ [one]: 5 }, { [one]: 8 }, { [one]: 6, [two]: 1 })).toMatchObject({
      ...{ kind: 'write', data: { n: count({ [one]: 8, [two]: 1 }) }, lost: kept({ [one]: 8 }) },
    })
    expect(meet({}, { [one]: 1 }, { [one]: 1 })).toMatchObject({ kind: 'superseded' })
  })

  test('nothing is noted where nobody else did, or each in a slot of their own', () => {
    expect(meet({ [one]: 5 }, { [one]: 6 }, { [one]: 5, [two]: 1 })).toMatchObject({ lost: [] })
    expect(meet({ [one]: 5 }, { [one]: 5 }, { [one]: 6 })).toMatchObject({ kind: 'no_change' })
    expect(meet({ [one]: 5 }, { [one]: 5, [run]: 1 }, { [one]: 6 })).toMatchObject({
      kind: 'write',
      lost: [],
    })
    expect(meet({ [run]: 5 }, { [run]: 6 }, { [run]: 6 })).toEqual({ kind: 'no_change' })
    expect(meet(undefined, { [one]: 6 }, { [one]: 6 })).toEqual({ kind: 'no_change' })
  })
})

describe('an edit made on one that was refused, of a record that others wrote since', () => {
  const refused = { labels: set('a'), in: { n: count({ [one]: 1 }) } }
  const meet = (data: JsonObject, theirs: JsonObject) =>
    decide(
      { operation: 'UPDATE', data, hlc: later, deviceId: one },
      { data: refused, standsOn: 1 },
      { version: 2, data: theirs, hlc: earlier, deviceId: two },
      table,
      { validate: () => null },
    )

  test('brings along what the refused one added, in fields that it left alone too', () => {
    const data = { ...refused, marks: set('m') }
    expect(meet(data, { name: 'new' })).toEqual({
      ...{ kind: 'write', outcome: 'merged', lost: [], data: { name: 'new', ...data } },
    })
    expect(meet(data, { labels: set('b'), in: { n: count({ [two]: 2 }) } })).toMatchObject({
      data: { labels: set('a', 'b'), in: { n: count({ [one]: 1, [two]: 2 }) }, marks: set('m') },
    })
  })

  test('changes nothing where the record holds all of it, however it is written there', () => {
    const theirs = { labels: set('b', 'a'), in: { n: count({ [one]: 1, [two]: 0 }) }, name: 'new' }
    expect(meet(refused, theirs)).toEqual({ kind: 'no_change' })
  })
})

test('a register ahead of the limit is found, wherever it is', () => {
  const register = (hlc: string) => ({ a: { 'b/c': { $crdt: 'lww-register', value: 1, hlc } } })
  expect(crdtAhead(table, register(later), earlier)).toBe('/data/a/b~1c/hlc')
  expect(crdtAhead(table, register(earlier), later)).toBeNull()
  expect(crdtAhead(field, register(later), earlier)).toBeNull()
})

test('two records say the same where their states mean the same', () => {
  const [a, b] = [
    { n: count({ [one]: 1 }), x: 1 },
    { n: count({ [one]: 1, [two]: 0 }), x: 1 },
  ]
  expect(sameRecord(table, a, b)).toBe(true)
  expect(sameRecord(field, a, b)).toBe(false)
  expect(sameRecord(table, a, { ...b, x: 2 })).toBe(false)
  expect(sameRecord(table, a, { ...b, n: count({ [one]: 2 }) })).toBe(false)
  expect(sameRecord(table, { ...a, n: count({ [one]: 2 }) }, b)).toBe(false)
  expect(sameRecord(table, a, null)).toBe(false)
})

describe('joining', () => {
  const join = (ours: Json | undefined, theirs: Json | undefined) =>
    joinStates([], { base: undefined, ours, theirs })

  test('has what both have; what the server has already stays as it is written', () => {
    expect(join(set('b', 'a'), set('c'))).toEqual({ value: set('a', 'b', 'c') })
    expect(join(set('a'), set('b', 'a'))).toEqual({ value: set('b', 'a') })
    expect(join(undefined, set('a'))).toEqual({ value: set('a') })
    expect(join(set('a'), undefined)).toEqual({ value: set('a') })
  })

  test('is nobody’s to do where the two are not of one type', () => {
    expect(join(set('a'), count({}))).toBe('clash')
    expect(join(set('a'), 1)).toBe('clash')
    expect(join({ $crdt: 'g-set', items: 1 }, set('a'))).toBe('clash')
    expect(join(1, 2)).toBeNull()
  })

  test('of a record leaves all but its CRDTs', () => {
    const other = { n: count({ [two]: 5 }), more: set('x'), name: 'theirs', blocked: { n: count({}) } }
    expect(joinPlaces(table, { n: count({ [one]: 1 }), name: 'ours', blocked: 1 }, other)).toEqual({
      ...{ n: count({ [one]: 1, [two]: 5 }), more: set('x'), name: 'ours', blocked: 1 },
    })
  })
})
