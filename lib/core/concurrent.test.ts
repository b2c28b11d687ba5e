import { describe, expect, test } from 'vitest'
import { decide, type Base, type Edit, type Refusal } from './decide.ts'
import type { JsonObject } from './json.ts'
import type { LostValue } from './merge.ts'
import {
  deleteRules,
  strategies,
  tiebreaks,
  type DeleteRule,
  type Strategy,
  type TablePolicy,
  type Tiebreak,
} from './policy.ts'
import { decideSides, earlier, later, policyOf, serversTime, type Sides } from './testing/edits.ts'

const before = { a: 1, b: 1 }
const ours = { a: 2, b: 1 }
const theirs = { a: 3, b: 1 }

describe('tiebreak of merge', () => {
  const lost = (from: LostValue['from']) => [
    from === 'client'
      ? { path: 'a', value: 2, from, hlc: expect.any(String) }
      : { path: 'a', value: 3, from, hlc: serversTime },
  ]
  const table: Record<Tiebreak, { later: object; earlier: object }> = {
    manual: {
      later: { kind: 'conflict', code: 'manual', fields: ['a'] },
      earlier: { kind: 'conflict', code: 'manual', fields: ['a'] },
    },
    lww: {
      later: { kind: 'write', outcome: 'applied', data: ours, lost: lost('server') },
      earlier: { kind: 'superseded', lost: lost('client') },
    },
    client: {
      later: { kind: 'write', outcome: 'applied', data: ours, lost: lost('server') },
      earlier: { kind: 'write', outcome: 'applied', data: ours, lost: lost('server') },
    },
    server: {
      later: { kind: 'superseded', lost: lost('client') },
      earlier: { kind: 'superseded', lost: lost('client') },
    },
  }
  test.each(tiebreaks)('%s', (tiebreak) => {
    const policy = policyOf('merge', { tiebreak })
    expect(decideSides({ base: before, ours, theirs, hlc: later }, policy)).toEqual(table[tiebreak].later)
    expect(decideSides({ base: before, ours, theirs, hlc: earlier }, policy)).toEqual(table[tiebreak].earlier)
  })
})

describe('delete against update', () => {
  const deleting: Sides = { base: before, ours: null, theirs }
  const deleted: Sides = { base: before, ours, theirs: null }
  const theDelete = { path: '', value: null }
  const table: Record<DeleteRule, { ours: object; theirs: object }> = {
    manual: {
      ours: { kind: 'conflict', code: 'manual', fields: [] },
      theirs: { kind: 'conflict', code: 'manual', fields: [] },
    },
    delete_wins: {
      ours: { kind: 'write', data: null, lost: [{ path: '', value: theirs, from: 'server' }] },
      theirs: { kind: 'superseded', lost: [{ path: '', value: ours, from: 'client' }] },
    },
    update_wins: {
      ours: { kind: 'superseded', lost: [{ ...theDelete, from: 'client' }] },
      theirs: { kind: 'write', data: ours, lost: [{ ...theDelete, from: 'server' }] },
    },
  }
  const cells = strategies.flatMap((strategy) => deleteRules.map((rule) => [strategy, rule] as const))

  test.each(cells)('%s, on_delete %s: the policy’s word counts, not the clock', (strategy, on_delete) => {
    const policy = policyOf(strategy, { on_delete })
    for (const hlc of [earlier, later]) {
      expect(decideSides({ ...deleting, hlc }, policy)).toMatchObject(table[on_delete].ours)
      expect(decideSides({ ...deleted, hlc }, policy)).toMatchObject(table[on_delete].theirs)
    }
  })

  test.each<[Strategy, DeleteRule]>([
    ['manual', 'manual'],
    ['merge', 'manual'],
    ['ot', 'manual'],
    ['crdt', 'update_wins'],
  ])('%s without a rule of its own: %s', (strategy, rule) => {
    const policy = policyOf(strategy, { on_delete: null })
    expect(decideSides(deleting, policy)).toMatchObject(table[rule].ours)
    expect(decideSides(deleted, policy)).toMatchObject(table[rule].theirs)
  })

  test('lww without a rule of its own keeps what the clock decided against', () => {
    const policy = policyOf('lww')
    expect(decideSides(deleting, policy)).toMatchObject(table.delete_wins.ours)
    expect(decideSides({ ...deleting, hlc: earlier }, policy)).toMatchObject(table.update_wins.ours)
    expect(decideSides(deleted, policy)).toMatchObject(table.update_wins.theirs)
    expect(decideSides({ ...deleted, hlc: earlier }, policy)).toMatchObject(table.delete_wins.theirs)
  })
})

describe('texts of a table of ot', () => {
  const merging = (
    sides: Record<'ours' | 'theirs', string>,
    edit: Partial<Edit>,
    base: Partial<Base>,
    isHistoryLost = false,
  ) =>
    decide(
      { operation: 'UPDATE', data: { note: sides.ours }, hlc: later, deviceId: null, ...edit },
      { data: { note: 'aa' }, standsOn: 1, ...base },
      { version: 2, data: { note: sides.theirs }, hlc: serversTime, deviceId: null },
      policyOf('ot'),
      { validate: () => null, isHistoryLost },
    )

  test('merge by the edit the device told, and note what came of it', () => {
    const sides = { ours: 'aaa', theirs: 'aXa' }
    expect(merging(sides, { textEdits: { note: [{ insert: 'a' }] } }, {})).toMatchObject({
      data: { note: 'aaXa' },
      texts: { note: { text: 'aaXa', applied: [{ insert: 'a' }] } },
    })
    expect(merging(sides, {}, {})).toMatchObject({ data: { note: 'aXaa' } })
  })

  test('merge over the edits that the log tells', () => {
    const sides = { ours: 'aXa', theirs: 'aaa' }
    const since = { versions: null, textEdits: [{ note: [{ insert: 'a' }] }] }
    expect(merging(sides, {}, { since })).toMatchObject({ data: { note: 'aaXa' } })
    expect(merging(sides, {}, {})).toMatchObject({ data: { note: 'aXaa' } })
  })

  test('are two values after a restore, where one may have come back within the other', () => {
    const sides = { ours: 'aaX', theirs: 'aaXY' }
    const untold: Partial<Base> = { since: { versions: null, textEdits: null } }
    const conflict = { kind: 'conflict', fields: ['note'] }
    expect(merging(sides, {}, untold)).toMatchObject({ data: { note: 'aaXYX' } })
    expect(merging(sides, {}, untold, true)).toMatchObject(conflict)
    expect(merging(sides, { operation: 'CREATE' }, { data: null, standsOn: 0 }, true)).toMatchObject(conflict)
    const told: Partial<Base> = {
      since: { versions: null, textEdits: [{ note: [{ retain: 2 }, { insert: 'XY' }] }] },
    }
    expect(merging(sides, {}, told, true)).toMatchObject({ data: { note: 'aaXYX' } })
  })

  test('are two values where nobody knows what they were made of', () => {
    expect(merging({ ours: 'aaa', theirs: 'aXa' }, {}, { data: undefined })).toMatchObject({
      ...{ kind: 'conflict', fields: ['note'] },
    })
  })
})

describe('a deleted record that an edit brings back', () => {
  const [one, two] = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002']
  const count = (counts: { [device: string]: number }) => ({ n: { $crdt: 'g-counter', counts } })
  const revived = (ours: JsonObject, lastData: JsonObject | null, validate = (): null | Refusal => null) =>
    decide(
      { operation: 'UPDATE', data: ours, hlc: later, deviceId: one },
      { data: count({ [one]: 1 }), standsOn: 1 },
      { version: 3, data: null, hlc: serversTime, deviceId: two, lastData },
      policyOf('crdt'),
      { validate },
    )

  test('has what its CRDTs held when it was deleted, and the edit had not seen', () => {
    expect(revived(count({ [one]: 2 }), count({ [one]: 1, [two]: 5 }))).toMatchObject({
      ...{ kind: 'write', outcome: 'merged', data: count({ [one]: 2, [two]: 5 }) },
      lost: [{ path: '', value: null, from: 'server' }],
    })
    const added = {
      ...count({ [one]: 1 }),
      more: { $crdt: 'g-set', items: ['a'] },
      name: 'not theirs to add',
    }
    expect(revived(count({ [one]: 2 }), added)).toMatchObject({
      data: { ...count({ [one]: 2 }), more: added.more },
    })
  })

  test('is as it was sent where there was no more, or nobody knows', () => {
    for (const last of [count({ [one]: 1 }), null]) {
      expect(revived(count({ [one]: 2 }), last)).toMatchObject({
        outcome: 'applied',
        data: count({ [one]: 2 }),
      })
    }
  })

  test('waits for a person where both together are not valid', () => {
    const validate = (): null | Refusal => ({ code: 'schema_mismatch', detail: 'too much' })
    let calls = 0
    const second = () => (calls++ === 0 ? null : validate())
    expect(revived(count({ [one]: 2 }), count({ [two]: 5 }), second)).toMatchObject({
      ...{ kind: 'conflict', code: 'manual', fields: [] },
    })
  })
})

describe('fields of their own strategy', () => {
  const address = (street: string, phone: number) => ({ name: 'N', address: { street, phone } })
  const base = address('A', 1)

  test.each<[string, Strategy, TablePolicy['fields'], Omit<Sides, 'base'>, object]>([
    [
      'lww at a dotted path: settled by clock, the rest merges',
      'merge',
      { 'address.phone': { strategy: 'lww' } },
      { ours: address('B', 2), theirs: address('A', 3) },
      {
        outcome: 'applied',
        data: address('B', 2),
        lost: [{ path: 'address.phone', value: 3, from: 'server', hlc: serversTime }],
      },
    ],
    [
      'fww at a dotted path: the first stays, ours is kept',
      'merge',
      { 'address.phone': { strategy: 'fww' } },
      { ours: address('B', 2), theirs: address('A', 3) },
      {
        outcome: 'merged',
        data: address('B', 3),
        lost: [{ path: 'address.phone', value: 2, from: 'client', hlc: later }],
      },
    ],
    [
      'manual on an object: the object is one thing',
      'merge',
      { address: { strategy: 'manual' } },
      { ours: address('B', 1), theirs: address('A', 3) },
      { kind: 'conflict', code: 'manual', fields: ['address'] },
    ],
    [
      'a tiebreak alone still merges what is within',
      'merge',
      { address: { tiebreak: 'server' } },
      { ours: address('B', 2), theirs: address('A', 3) },
      { outcome: 'merged', data: address('B', 3) },
    ],
    [
      'the nearest override counts',
      'merge',
      { address: { tiebreak: 'manual' }, 'address.phone': { tiebreak: 'client' } },
      { ours: address('B', 2), theirs: address('A', 3) },
      { outcome: 'applied', data: address('B', 2) },
    ],
    [
      'manual in a table of lww',
      'lww',
      { 'address.phone': { strategy: 'manual' } },
      { ours: address('B', 2), theirs: address('C', 3) },
      { kind: 'conflict', fields: ['address.phone'] },
    ],
    [
      'merge in a table of lww: both fields stay, the rest is one value',
      'lww',
      { 'address.phone': { strategy: 'merge' } },
      { ours: address('B', 1), theirs: address('C', 3), hlc: earlier },
      {
        kind: 'superseded',
        lost: [{ path: '', value: { name: 'N', address: { street: 'B' } }, from: 'client', hlc: earlier }],
      },
    ],
    [
      'in a table of fww: the field goes through where the rest was not touched',
      'fww',
      { 'address.phone': { strategy: 'lww' } },
      { ours: address('A', 2), theirs: address('C', 1) },
      { outcome: 'merged', data: address('C', 2) },
    ],
    [
      'in a table of fww: both touched the rest',
      'fww',
      { 'address.phone': { strategy: 'lww' } },
      { ours: address('B', 2), theirs: address('C', 1) },
      { kind: 'conflict', code: 'stale_version', fields: ['address'] },
    ],
    [
      'in a table of manual: only the rest waits for a person',
      'manual',
      { 'address.phone': { strategy: 'lww' } },
      { ours: address('B', 2), theirs: address('C', 3) },
      { kind: 'conflict', code: 'manual', fields: ['address.street'] },
    ],
    [
      'in a table of manual: the field alone does not',
      'manual',
      { 'address.phone': { strategy: 'lww' } },
      { ours: address('A', 2), theirs: address('A', 3) },
      { outcome: 'applied', data: address('A', 2) },
    ],
  ])('%s', (_, strategy, fields, sides, expected) => {
    expect(decideSides({ base, ...sides }, policyOf(strategy, { fields }))).toMatchObject(expected)
  })

  const phoneByClock = policyOf('lww', { fields: { 'address.phone': { strategy: 'lww' } } })

  test('a record without the place is written as it was sent', () => {
    expect(
      decideSides({ base: { name: 'A' }, ours: { name: 'B' }, theirs: { name: 'C' } }, phoneByClock),
    ).toMatchObject({
      data: { name: 'B' },
    })
    const text = (address: string) => ({ address })
    expect(decideSides({ base: text('A'), ours: text('B'), theirs: text('C') }, phoneByClock)).toMatchObject({
      data: { address: 'B' },
    })
  })

  test('where the other side removed what the field lies in, it is settled and not forgotten', () => {
    const removed = { base: { address: { phone: 1 } }, ours: { address: { phone: 2 } }, theirs: {} }
    expect(decideSides(removed, phoneByClock)).toMatchObject({ data: { address: { phone: 2 } } })
    expect(decideSides({ ...removed, hlc: earlier }, phoneByClock)).toMatchObject({
      kind: 'superseded',
      lost: [{ path: 'address.phone', value: 2 }],
    })
  })

  test('an override within another is settled once', () => {
    const fields = { address: { tiebreak: 'server' }, 'address.phone': { strategy: 'lww' } } as const
    const sides = { base, ours: address('A', 2), theirs: address('C', 3) }
    expect(decideSides(sides, policyOf('lww', { fields }))).toEqual({
      ...{ kind: 'write', outcome: 'merged', data: address('C', 2) },
      lost: [{ path: 'address.phone', value: 3, from: 'server', hlc: serversTime }],
    })
  })

  test('where a value stands in its way, a person decides', () => {
    const blocked = {
      base: { address: { phone: 1 } },
      ours: { address: { phone: 2 } },
      theirs: { address: 'C' },
    }
    expect(decideSides(blocked, phoneByClock)).toMatchObject({ kind: 'conflict', fields: ['address.phone'] })
  })
})
