import { describe, expect, test } from 'vitest'
import type { JsonObject } from '#lib/core/json.ts'
import { defaultPolicy, type TablePolicy } from '#lib/core/policy.ts'
import { stampAt } from '#lib/core/testing/records.ts'
import { placeInStream } from '#lib/core/stream.ts'
import { canonicalJson } from '#lib/protocol/checksum.ts'
import type { Accepted, ChangeInput } from '#lib/protocol/sync.ts'
import { compilePolicy } from '../tables/validate.ts'
import type { DecidedBatch } from './batch.ts'
import { decideBatch } from './decide-batch.ts'
import { readChanges, sha256Hex } from './read-changes.ts'
import type { Loaded, LoadedRecord } from './store.ts'

const device = '0193f3a2-b4c0-7000-8000-000000000d01'
const now = '2026-11-22T08:00:00.000Z'
const id = (name: string) => `0193f3a2-b4c0-7000-8000-${sha256Hex(name).slice(0, 12)}`
const checksumOf = (data: JsonObject | null) => sha256Hex(canonicalJson(data))

/** A record as another device left it, at version 2 unless said otherwise. */
function record(name: string, data: JsonObject | null, more: Partial<LoadedRecord> = {}): LoadedRecord {
  return {
    ...{ scope: 'default', table: 'things', id: id(name), version: 2, data, checksum: checksumOf(data) },
    ...{ hlc: stampAt(2), vector: {}, device_id: id('another device'), deleted: data === null, ...more },
  }
}

const nothing: Loaded = {
  ...{ stream: { last_seq: 0, revision: 0 }, holes: null, seen: null, records: null, bases: null },
  ...{ base_ops: null, open_conflicts: null, policies: null, now },
}

type Op = Partial<Omit<ChangeInput, 'data'>> & { on?: string; data?: JsonObject | null }

/** Operation `op-1`, `op-2` … of the device, an UPDATE of record r made on version 1 unless said otherwise. */
function change({ on = 'r', data = {}, ...more }: Op, index: number): ChangeInput {
  return {
    ...{ op_id: id(`op-${index + 1}`), seq: index + 1, table: 'things', operation: 'UPDATE' as const },
    ...{ record_id: id(on), base_version: 1, hlc: stampAt(Date.parse(now)), checksum: checksumOf(data) },
    ...(data && { data }),
    ...more,
  }
}

function decideOps(ops: Op[], loaded: Partial<Loaded> = {}, policy: Partial<TablePolicy> = {}): DecidedBatch {
  const read = readChanges(ops.map(change))
  const known = { ...compilePolicy({ ...defaultPolicy('things'), ...policy }), version: 1 }
  const all = { ...nothing, ...loaded }
  const placement = placeInStream(
    {
      lastSeq: all.stream?.last_seq ?? 0,
      holes: new Map(all.holes?.map((hole) => [hole.seq, { opId: hole.op_id }])),
    },
    new Map(),
    read,
  )
  if (placement.kind !== 'placed') throw new Error(placement.kind)
  return decideBatch(read, placement, all, {
    ...{ deviceId: device, incarnation: id('life'), granted: (scope) => scope !== 'forbidden' },
    ...{ schemaVersion: 1, nowMillis: Date.parse(now) },
    policies: (table) => (table === 'things' ? known : null),
  })
}

const entries = (decided: DecidedBatch) =>
  decided.answers.map(({ text }) => JSON.parse(text) as Partial<Accepted>)
const outcomes = (decided: DecidedBatch) => decided.answers.map(({ outcome, code }) => code ?? outcome)
/** The state in which a batch leaves a record. */
const left = (decided: DecidedBatch) => decided.changes.findLast(({ final }) => final !== null)?.data

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
    const base_ops = [{ op_id: id('earlier'), stands_on: 2, pushed: { n: 1 }, known: true }]
    const edit = { base_version: 0, base_op_id: id('earlier'), data: { n: 2 } }
    expect(
      outcomes(decideOps([edit], { records: [record('r', { n: 1 })], base_ops }, { strategy: 'manual' })),
    ).toEqual(['applied'])
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
      { outcome: 'applied', version: 3, data: null },
    ],
    [
      'merged: the result',
      { data: { a: 9, b: 1 } },
      {},
      { outcome: 'merged', version: 3, data: { a: 9, b: 2 } },
    ],
    [
      'no_change: no data, it has it',
      { data: { a: 1, b: 2 } },
      {},
      { outcome: 'no_change', version: 2, data: null },
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
    const state = entry?.data ?? op.data ?? null
    if (entry?.outcome) expect(entry.checksum).toBe(checksumOf(state))
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

describe('a stamp', () => {
  test('of a write is after that of what it was made on, though the clock be slow', () => {
    const [row] = decideOps([{ base_version: 2, data: { n: 2 }, hlc: stampAt(1) }], {
      records: [record('r', { n: 1 })],
    }).changes
    expect(row!.hlc > stampAt(2)).toBe(true)
  })
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

  test('goes on from the higher version where it once was', () => {
    const records = [record('r', { n: 1 }), record('r', null, { scope: 'south', version: 8 })]
    expect(entries(decideOps([{ ...move, data: { n: 2 } }], { records }))).toMatchObject([{ version: 9 }])
  })
})

describe('holes', () => {
  const create = { operation: 'CREATE', base_version: 0 } as const
  const hole = (more: object) => ({
    ...{ seq: 1, op_id: id('op-1'), scope: 'default', table: 'things', record_id: id('r'), saga_id: null },
    ...{ code: 'checksum_mismatch', attempts: 1, ...more },
  })

  test('what touches the same record waits, and nothing else does', () => {
    const decided = decideOps([
      { ...create, on: 'r', checksum: '0'.repeat(64) },
      { on: 'r', base_op_id: id('op-1'), data: { n: 2 } },
      { ...create, on: 's', data: { n: 1 } },
    ])
    expect(outcomes(decided)).toEqual(['checksum_mismatch', 'dependency_pending', 'applied'])
    expect(decided.holes.open.map(({ seq, attempts }) => [seq, attempts])).toEqual([
      [1, 1],
      [2, 0],
    ])
    expect(decided.results.map(({ seq }) => seq)).toEqual([3])
  })

  test('what is of the same saga waits, too', () => {
    const saga = { id: id('saga'), step: 1, steps: 2 }
    const decided = decideOps([
      { ...create, on: 'r', saga, checksum: '0'.repeat(64) },
      { ...create, on: 's', saga: { ...saga, step: 2 }, data: { n: 1 } },
    ])
    expect(outcomes(decided)).toEqual(['checksum_mismatch', 'dependency_pending'])
  })

  test('repaired, it closes, and what waited goes through', () => {
    const decided = decideOps(
      [
        { ...create, data: { n: 1 } },
        { base_version: 0, base_op_id: id('op-1'), data: { n: 2 } },
      ],
      {
        stream: { last_seq: 2, revision: 1 },
        holes: [hole({}), hole({ seq: 2, op_id: id('op-2'), code: 'dependency_pending' })],
      },
    )
    expect(outcomes(decided)).toEqual(['applied', 'applied'])
    expect(decided.holes).toEqual({ open: [], close: [1, 2] })
  })

  test('after the fifth failure it is a dead letter, and no longer in the way', () => {
    const decided = decideOps(
      [
        { ...create, checksum: '0'.repeat(64) },
        { ...create, data: { n: 2 } },
      ],
      { stream: { last_seq: 1, revision: 1 }, holes: [hole({ attempts: 4 })] },
    )
    expect(outcomes(decided)).toEqual(['retries_exceeded', 'applied'])
    expect(decided.deadLetters).toMatchObject([{ code: 'retries_exceeded', attempts: 5, op_id: id('op-1') }])
    expect(decided.holes.close).toEqual([1])
  })
})

describe('refused for good', () => {
  test.each<[string, Op]>([
    ['unknown_table', { table: 'others' }],
    ['scope_forbidden', { scope: 'forbidden' }],
    ['unknown_base', {}],
    ['invalid_change', { hlc: 'x' }],
  ])('%s: a dead letter under the id that the device is told, and an answer for ever', (code, op) => {
    const decided = decideOps([op, { operation: 'CREATE', base_version: 0, on: 's', data: {} }])
    expect(outcomes(decided)).toEqual([code, 'applied'])
    expect(entries(decided)[0]).toMatchObject({
      retryable: false,
      dead_letter_id: decided.deadLetters[0]!.id,
    })
    expect(decided.results[0]).toMatchObject({ seq: 1, kind: 'rejected', answer: decided.answers[0]!.text })
  })

  test('every change is answered exactly once, in the order in which it was sent', () => {
    const decided = decideOps([{ seq: 3 }, { seq: 1 }, { seq: 'x' as never }, { seq: 2, op_id: 'y' }])
    expect(decided.answers.map(({ index }) => index)).toEqual([0, 1, 2, 3])
  })
})
