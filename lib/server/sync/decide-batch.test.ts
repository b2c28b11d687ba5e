import { describe, expect, test } from 'vitest'
import type { TablePolicy } from '#lib/core/policy.ts'
import { stampAt } from '#lib/core/testing/records.ts'
import type { DecidedBatch } from './batch.ts'
import {
  checksumOf,
  decideOps,
  entries,
  id,
  left,
  now,
  outcomes,
  record,
  type Op,
} from './testing/operations.ts'

const on = (name: string) => ({ table: 'things', record_id: id(name) })

/** What comes of an edit of `r` made on an operation of an earlier batch, which was one on the record `to`. */
function editOnEarlier(to: string, base_version: number) {
  const earlier = { ...on(to), op_id: id('earlier'), stands_on: 2, pushed: { n: 1 } }
  const base_ops = [{ ...earlier, known: true, version: null, bridge: null }]
  const edit = { base_version, base_op_id: id('earlier'), data: { n: 2 } }
  return outcomes(decideOps([edit], { records: [record('r', { n: 1 })], base_ops }, { strategy: 'manual' }))
}

describe('a device that edits one record again and again offline', () => {
  const chain: Op[] = [
    { operation: 'CREATE', base_version: 0, data: { n: 1 } },
    { base_version: 0, base_op_id: id('op-1'), data: { n: 2 } },
    { base_version: 0, base_op_id: id('op-2'), data: { n: 3 } },
    { base_version: 0, base_op_id: id('op-3'), operation: 'DELETE', data: null },
  ]
  test.each(['lww', 'fww', 'manual', 'merge'] as const)(
    'never conflicts with itself under %s',
    (strategy) => {
      const decided = decideOps(chain, {}, { strategy })
      expect(outcomes(decided)).toEqual(['applied', 'applied', 'applied', 'applied'])
      expect(entries(decided).map(({ version }) => version)).toEqual([1, 2, 3, 4])
      expect(decided.changes.map(({ final }) => final)).toEqual([null, null, null, 'insert'])
    },
  )

  test('nor in another batch, by what its earlier operation pushed', () => {
    expect(editOnEarlier('r', 0)).toEqual(['applied'])
  })

  test('an operation on another record is no base: the edit is what its version says', () => {
    expect(editOnEarlier('other', 1)).toEqual(['manual'])
  })

  test('on top of what was merged it keeps what others did, and does not take its own view for a revert', () => {
    const decided = decideOps([{ data: { a: 2, b: 1 } }, { base_op_id: id('op-1'), data: { a: 3, b: 1 } }], {
      records: [record('r', { a: 1, b: 2 })],
      bases: [{ ...record('r', { a: 1, b: 1 }), version: 1 }],
    })
    expect(outcomes(decided)).toEqual(['merged', 'merged'])
    expect(left(decided)).toEqual({ a: 3, b: 2 })
  })

  test('on top of what others had done already, too', () => {
    const decided = decideOps(
      [{ data: { a: 2, b: 1 } }, { base_op_id: id('op-1'), data: { a: 2, b: 1, c: 9 } }],
      {
        records: [record('r', { a: 2, b: 2 })],
        bases: [{ ...record('r', { a: 1, b: 1 }), version: 1 }],
      },
    )
    expect(outcomes(decided)).toEqual(['no_change', 'merged'])
    expect(left(decided)).toEqual({ a: 2, b: 2, c: 9 })
  })

  test('on top of what was refused for good', () => {
    const schema = { type: 'object', properties: { n: { type: 'number' } } }
    const decided = decideOps(
      [
        { base_version: 2, data: { n: 'x' } },
        { base_version: 2, base_op_id: id('op-1'), data: { n: 5 } },
      ],
      { records: [record('r', { n: 1 })] },
      { schema, strategy: 'manual' },
    )
    expect(outcomes(decided)).toEqual(['schema_mismatch', 'applied'])
  })

  test('goes on with the conflict it is in', () => {
    const decided = decideOps([{ data: { n: 5 } }, { base_op_id: id('op-1'), data: { n: 6 } }], {
      records: [record('r', { n: 2 })],
      bases: [{ ...record('r', { n: 1 }), version: 1 }],
    })
    expect(outcomes(decided)).toEqual(['manual', 'manual'])
    expect(decided.conflicts).toMatchObject([
      {
        ...{ op_id: id('op-1'), later_op_ids: [id('op-2')], fields: ['n'], base_data: { n: 1 } },
        ...{ client_data: { n: 6 }, server_data: { n: 2 }, base_version: 1, server_version: 2 },
      },
    ])
  })
})

describe('what a device is told', () => {
  const records = [record('r', { a: 1, b: 2 })]
  const bases = [{ ...record('r', { a: 1, b: 1 }), version: 1 }]

  test.each<[string, Op, Partial<TablePolicy>, object]>([
    [
      'applied: no data, it has it',
      { base_version: 2, data: { a: 9 } },
      {},
      { outcome: 'applied', version: 3, data: null, checksum: checksumOf({ a: 9 }) },
    ],
    [
      'merged: the result',
      { data: { a: 9, b: 1 } },
      {},
      { outcome: 'merged', version: 3, data: { a: 9, b: 2 }, checksum: checksumOf({ a: 9, b: 2 }) },
    ],
    [
      'no_change: no data, it has it',
      { data: { a: 1, b: 2 } },
      {},
      { outcome: 'no_change', version: 2, data: null, checksum: checksumOf({ a: 1, b: 2 }) },
    ],
    [
      'no_change, but others did more: the record',
      { data: { a: 1, b: 1 } },
      {},
      { outcome: 'no_change', version: 2, data: { a: 1, b: 2 } },
    ],
    [
      'superseded: the winner',
      { data: { b: 9 }, hlc: stampAt(1) },
      { strategy: 'lww' },
      { outcome: 'superseded', version: 2, data: { a: 1, b: 2 } },
    ],
    [
      'stale_version: both and the base',
      { data: { b: 9 } },
      { strategy: 'fww' },
      {
        code: 'stale_version',
        conflict_id: null,
        server_version: 2,
        server_data: { a: 1, b: 2 },
        base_data: { a: 1, b: 1 },
      },
    ],
    [
      'clock_skew: the time',
      { hlc: stampAt(Date.parse(now) + 600_000) },
      {},
      { code: 'clock_skew', retryable: true, server_time: now },
    ],
  ])('%s', (_, op, policy, expected) => {
    const [entry] = entries(decideOps([op], { records, bases }, policy))
    expect(entry).toMatchObject(expected)
  })

  test('every losing value is in the log', () => {
    const lost = (op: Op, policy: Partial<TablePolicy>) =>
      decideOps([op], { records, bases }, policy).changes.map((row) => [row.effect, row.outcome, row.lost])
    expect(lost({ data: { a: 1, b: 9 } }, { tiebreak: 'client' })).toEqual([
      ['UPSERT', 'applied', [{ path: 'b', value: 2, from: 'server', hlc: stampAt(2) }]],
    ])
    expect(lost({ data: { b: 9 }, hlc: stampAt(1) }, { strategy: 'lww' })).toEqual([
      ['NONE', 'superseded', [{ path: '', value: { b: 9 }, from: 'client', hlc: stampAt(1) }]],
    ])
    expect(lost({ data: { b: 9 } }, { strategy: 'fww' })).toMatchObject([
      ['NONE', 'stale_version', [{ path: '', value: { b: 9 }, from: 'client' }]],
    ])
  })
})

test('what was pushed is kept where the log does not have it: later edits are made on that', () => {
  const kept = (op: Op, policy: Partial<TablePolicy> = {}) => {
    const records = [record('r', { a: 1, b: 2 })]
    const bases = [{ ...record('r', { a: 1, b: 1 }), version: 1 }]
    const [result] = decideOps([op], { records, bases }, policy).results
    return [result!.version, result!.pushed, result!.stands_on]
  }
  const edit = { a: 9, b: 1 }
  expect(kept({ base_version: 2, data: edit })).toEqual([3, null, 3])
  expect(kept({ data: edit })).toEqual([3, { data: edit }, null])
  expect(kept({ data: edit }, { strategy: 'fww' })).toEqual([2, { data: edit }, 1])
  // Nothing in the log tells what these were made on.
  const sent = { base_version: 1 }
  expect(kept({ data: { a: 1, b: 2 } })).toEqual([2, { data: { a: 1, b: 2 }, sent }, 2])
  expect(kept({ data: { a: 1, b: 1 } })).toEqual([2, { data: { a: 1, b: 1 }, sent }, null])
  expect(kept({ data: edit }, { rules: [{ rule: 'self.a < 5', message: '', field: '' }] })).toEqual([
    ...[null, { data: edit }, 1],
  ])
})

test('the stamp of a write is after that of what it was made on, though the clock be slow', () => {
  const [row] = decideOps([{ base_version: 2, data: { n: 2 }, hlc: stampAt(1) }], {
    records: [record('r', { n: 1 })],
  }).changes
  expect(row!.hlc > stampAt(2)).toBe(true)
})

describe('moving to another scope', () => {
  const move = { base_version: 2, scope: 'south', from_scope: 'default' }
  const effects = (decided: DecidedBatch) =>
    decided.changes.map(({ scope, effect, data }) => [scope, effect, data])

  test('leaves the one and appears in the other', () => {
    const decided = decideOps([{ ...move, data: { n: 2 } }], { records: [record('r', { n: 1 })] })
    expect(effects(decided)).toEqual([
      ['default', 'LEAVE', null],
      ['south', 'UPSERT', { n: 2 }],
    ])
  })

  test('moves though nothing else changed', () => {
    const decided = decideOps([{ ...move, data: { n: 1 } }], { records: [record('r', { n: 1 })] })
    expect(outcomes(decided)).toEqual(['applied'])
    expect(effects(decided)).toEqual([
      ['default', 'LEAVE', null],
      ['south', 'UPSERT', { n: 1 }],
    ])
  })

  test('is refused where the id is taken there', () => {
    const records = [record('r', { n: 1 }), record('r', { n: 7 }, { scope: 'south' })]
    expect(outcomes(decideOps([{ ...move, data: { n: 2 } }], { records }))).toEqual(['invalid_change'])
  })

  test('takes along what comes after it in its batch, made where the record was', () => {
    const edit = { base_version: 2, data: { n: 1, of: 'a device that does not know' } }
    const decided = decideOps([{ ...move, data: { n: 1 } }, edit], { records: [record('r', { n: 1 })] })
    expect(effects(decided)).toEqual([
      ['default', 'LEAVE', null],
      ['south', 'UPSERT', { n: 1 }],
      ['south', 'UPSERT', edit.data],
    ])
    expect(entries(decided)[1]).toMatchObject({ scope: 'south', data: edit.data })
  })

  test('back to where it was: what comes after it is made there, though the record had left when it was loaded', () => {
    const records = [
      record('r', null, { version: 3, moved_to: 'south' }),
      record('r', { n: 1 }, { version: 3, scope: 'south' }),
    ]
    const back = { base_version: 3, scope: 'default', from_scope: 'south', data: { n: 1 } }
    const decided = decideOps([back, { base_version: 3, base_op_id: id('op-1'), data: { n: 2 } }], {
      records,
    })
    expect(effects(decided)).toEqual([
      ['south', 'LEAVE', null],
      ['default', 'UPSERT', { n: 1 }],
      ['default', 'UPSERT', { n: 2 }],
    ])
    expect(outcomes(decided)).toEqual(['applied', 'applied'])
  })

  test('goes on from the higher version where it once was', () => {
    const records = [record('r', { n: 1 }), record('r', null, { scope: 'south', version: 8 })]
    expect(entries(decideOps([{ ...move, data: { n: 2 } }], { records }))).toMatchObject([{ version: 9 }])
  })
})
