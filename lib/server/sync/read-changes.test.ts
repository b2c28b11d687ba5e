import { describe, expect, test } from 'vitest'
import type { ChangeInput } from '#lib/protocol/sync.ts'
import { readChanges, sha256Hex } from './read-changes.ts'

const opId = '0193f3a2-b4c0-7000-8000-000000000001'
const recordId = '0193f3a2-b4c0-7000-8000-0000000000aa'
const data = { name: 'Ada', lines: [1, 2] }
const update: ChangeInput = {
  op_id: opId,
  seq: 17,
  table: 'inspections',
  operation: 'UPDATE',
  record_id: recordId,
  base_version: 5,
  data,
  hlc: '0193f3a2b4c0-0003-9f2c01aa77e04b11',
  checksum: sha256Hex('{"lines":[1,2],"name":"Ada"}'),
}

const read = (raw: unknown) => readChanges([raw])[0]!

describe('a change as it should be', () => {
  test('is read, its defaults filled in, its data summed and measured as canonical JSON', () => {
    expect(read(update)).toMatchObject({
      ...{ index: 0, raw: update, opId, seq: 17, recordId, fault: null, sizeBytes: 28 },
      checksum: update.checksum,
      change: { ...update, scope: 'default', priority: 'normal' },
    })
  })

  test('a delete has the checksum of null', () => {
    const { data: _, ...rest } = update
    const removed = read({ ...rest, operation: 'DELETE' })
    expect(removed).toMatchObject({ fault: null, checksum: sha256Hex('null'), sizeBytes: 4 })
  })

  test('unknown fields are ignored', () => {
    expect(read({ ...update, colour: 'red' })).toMatchObject({ fault: null, hash: read(update).hash })
  })
})

describe('what makes two sendings one operation', () => {
  const anew = { ...update, data: { name: 'Bo' }, checksum: sha256Hex('{"name":"Bo"}') }

  test('is not the clock, and not a register that was stamped anew', () => {
    expect(read({ ...update, hlc: '0193f3a2b4c0-0004-9f2c01aa77e04b11' }).hash).toBe(read(update).hash)
    expect(read({ ...anew, first_checksum: update.checksum })).toMatchObject({
      hash: read(update).hash,
      ...{ damaged: false, checksum: anew.checksum },
    })
  })

  test('is the data', () => {
    expect(read(anew).hash).not.toBe(read(update).hash)
    expect(read({ ...anew, first_checksum: null }).hash).toBe(read(anew).hash)
  })
})

describe('a malformed one is refused alone, and named as far as it can be', () => {
  test.each<[string, unknown, string, object]>([
    [
      'created from elsewhere',
      { ...update, operation: 'CREATE', base_version: 0, from_scope: 'north' },
      '/from_scope',
      { opId, seq: 17, recordId },
    ],
    ['no object', 'text', '', { opId: null, seq: null, recordId: null }],
    ['null', null, '', { opId: null }],
    ['a list', [update], '', { opId: null }],
    ['no op_id', { ...update, op_id: undefined }, '/op_id', { opId: null, seq: 17, recordId }],
    ['an upper-case op_id', { ...update, op_id: opId.toUpperCase() }, '/op_id', { opId: null, seq: 17 }],
    ['seq 0', { ...update, seq: 0 }, '/seq', { opId, seq: null }],
    ['a fractional seq', { ...update, seq: 1.5 }, '/seq', { seq: null }],
    ['a seq as text', { ...update, seq: '17' }, '/seq', { seq: null }],
    ['a seq past 2^53', { ...update, seq: 2 ** 60 }, '/seq', { seq: null }],
    ['an operation nobody knows', { ...update, operation: 'PATCH' }, '/operation', { opId, seq: 17 }],
    ['no data', { ...update, data: undefined }, '/data', { opId }],
    ['data that is a list', { ...update, data: [] }, '/data', { opId }],
    ['a delete with data', { ...update, operation: 'DELETE' }, '/data', { opId }],
    ['a CREATE with a base', { ...update, operation: 'CREATE' }, '/base_version', { opId }],
    ['a base past an integer', { ...update, base_version: 2 ** 31 }, '/base_version', { opId }],
    ['a stamp that is none', { ...update, hlc: 'yesterday' }, '/hlc', { opId }],
    ['a checksum that is no text', { ...update, checksum: 7 as never }, '/checksum', { opId }],
    ['a vector with a bad name', { ...update, vector: { 'a/b': 1 } }, '/vector/a~1b', { opId }],
    ['NUL deep in the data', { ...update, data: { a: [{ b: '\0' }] } }, '/data/a/0/b', { opId, seq: 17 }],
    ['half a surrogate pair', { ...update, data: { a: '\ud83d' } }, '/data/a', { opId }],
    ['an integer past 2^53', { ...update, data: { a: 2 ** 53 } }, '/data/a', { opId }],
  ])('%s', (_, raw, pointer, named) => {
    const faulty = read(raw)
    expect(faulty).toMatchObject({ raw, change: null, ...named })
    expect(faulty.fault).toMatchObject({ code: 'invalid_change', errors: [{ pointer }] })
    expect(faulty.fault?.detail).toContain(pointer || 'The change')
  })

  test('the others are read, each under its own index', () => {
    const batch = readChanges([update, null, { ...update, seq: 18 }])
    expect(batch.map(({ index, seq, fault }) => [index, seq, fault?.code ?? null])).toEqual([
      [0, 17, null],
      [1, null, 'invalid_change'],
      [2, 18, null],
    ])
  })

  test('at most five faults are told', () => {
    expect(read({}).fault?.errors).toHaveLength(5)
  })
})

describe('what makes two sendings the same operation', () => {
  const { hash } = read(update)
  test.each<[string, Partial<ChangeInput>]>([
    ['another stamp: the clock was corrected', { hlc: '0193f3a2b4c1-0000-9f2c01aa77e04b11' }],
    ['another trace', { traceparent: '00-x' }],
    ['another seq: a new incarnation', { seq: 1 }],
    ['another priority', { priority: 'critical' }],
    ['what is the default anyway', { scope: 'default' }],
    ['members in another order', { data: { lines: [1, 2], name: 'Ada' } }],
    ['data that was damaged on its way', { data: { name: 'Ad', lines: [1, 2] } }],
  ])('%s: the same', (_, change) => {
    expect(read({ ...update, ...change }).hash).toBe(hash)
  })

  test.each<[string, Partial<ChangeInput>]>([
    ['op_id', { op_id: '0193f3a2-b4c0-7000-8000-000000000002' }],
    ['table', { table: 'other' }],
    ['operation', { operation: 'CREATE', base_version: 0 }],
    ['record', { record_id: '0193f3a2-b4c0-7000-8000-0000000000ab' }],
    ['scope', { scope: 'site-7' }],
    ['scope it leaves', { from_scope: 'site-7' }],
    ['base', { base_version: 4 }],
    ['operation it stands on', { base_op_id: recordId }],
    ['data', { data: {}, checksum: sha256Hex('{}') }],
    ['text operations', { text_ops: { name: [{ retain: 1 }] } }],
    ['saga', { saga: { id: recordId, step: 1, steps: 2 } }],
  ])('another %s: not', (_, change) => {
    const other = read({ ...update, ...change })
    expect(other.fault).toBeNull()
    expect(other.hash).not.toBe(hash)
  })

  test('damage is seen', () => {
    expect(read(update).damaged).toBe(false)
    expect(read({ ...update, data: {} }).damaged).toBe(true)
    expect(read({ ...update, checksum: 'x' }).damaged).toBe(true)
    expect(read({ ...update, hlc: 'x' }).damaged).toBe(true)
  })

  test('a malformed one is the same as itself, whatever each sending says anew', () => {
    const sent = { ...update, operation: 'UPSERT' }
    const again = { ...sent, seq: 'x', hlc: 'later', vector: 7, traceparent: '00-1' }
    expect(read(again).hash).toBe(read(sent).hash)
    expect(read({ ...again, base_version: 7 }).hash).not.toBe(read(sent).hash)
  })
})
