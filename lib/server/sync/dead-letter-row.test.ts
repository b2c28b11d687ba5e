import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findUnfaithful } from '#lib/core/json.ts'
import { uuid } from '#lib/protocol/sync.ts'
import { deadLetterRow } from './dead-letter-row.ts'

const recordId = '0193f3a2-b4c0-7000-8000-0000000000aa'
const broken = { table: 'inspections', record_id: recordId, scope: 'site-7', data: { count: -1 } }
const options: Parameters<typeof deadLetterRow>[0] = {
  source: 'server',
  deviceId: '0193f3a2-b4c0-7000-8000-000000000d01',
  incarnation: '0193f3a2-b4c0-7000-8000-000000000e01',
  seq: 17,
  opId: '0193f3a2-b4c0-7000-8000-000000000001',
  raw: broken,
  refusal: {
    code: 'schema_mismatch',
    detail: '/data/count must be >= 0',
    errors: [{ pointer: '/data/count', detail: 'must be >= 0' }],
  },
  schemaVersion: 3,
  attempts: 1,
}
const row = (more: Partial<typeof options> = {}) => deadLetterRow({ ...options, ...more })

test('holds the change verbatim, where it went, and why it failed', () => {
  expect(row()).toMatchObject({
    ...{
      source: 'server',
      device_id: options.deviceId,
      incarnation: options.incarnation,
      seq: 17,
      op_id: options.opId,
    },
    ...{ code: 'schema_mismatch', detail: '/data/count must be >= 0', pointers: ['/data/count'] },
    ...{ scope: 'site-7', table: 'inspections', record_id: recordId, schema_version: 3, attempts: 1 },
    change: JSON.stringify(broken),
  })
})

describe('its id', () => {
  test('is a UUID, the same whenever the same broken change comes again', () => {
    const again = row({ seq: null, attempts: 4, refusal: { code: 'business_rule', detail: 'other' } })
    expect(uuid.safeParse(row().id).success).toBe(true)
    expect(row().id[14]).toBe('8')
    expect(again).toMatchObject({ id: row().id, change_hash: row().change_hash })
  })

  test('is the same in another life, at another place of it, and under another stamp', () => {
    const sent = { ...broken, seq: 17, hlc: '0193f3a2b4c0-0003-9f2c01aa77e04b11' }
    const again = { ...sent, seq: 2, hlc: '0193f3a2b4c0-0004-9f2c01aa77e04b11', traceparent: '00-1' }
    expect(row({ raw: again, seq: 2, incarnation: recordId }).id).toBe(row({ raw: sent }).id)
  })

  test.each<[string, Partial<typeof options>]>([
    ['device', { deviceId: recordId }],
    ['operation', { opId: recordId }],
    ['content', { raw: { ...broken, data: { count: -2 } } }],
  ])('is another for another %s', (_, more) => {
    expect(row(more).id).not.toBe(row().id)
  })
})

describe('the fingerprint', () => {
  test('is that of the fault, not of the record', () => {
    const elsewhere = row({ raw: { ...broken, record_id: options.opId, data: { count: -7 } }, opId: null })
    expect(elsewhere.fingerprint).toBe(row().fingerprint)
  })

  test.each<[string, Partial<typeof options>]>([
    ['code', { refusal: { ...options.refusal, code: 'business_rule' } }],
    ['detail', { refusal: { ...options.refusal, detail: '/data/name is required' } }],
    ['table', { raw: { ...broken, table: 'others' } }],
    ['schema version', { schemaVersion: 4 }],
  ])('is another for another %s', (_, more) => {
    expect(row(more).fingerprint).not.toBe(row().fingerprint)
  })
})

describe('the database can hold it, whatever the device sent', () => {
  test.each<[string, unknown, object]>([
    ['no object', 'text', { table: null, record_id: null, scope: 'default', change: '"text"' }],
    ['nothing', undefined, { table: null, change: 'null' }],
    [
      'other types',
      { table: 7, record_id: {}, scope: [] },
      { table: null, record_id: null, scope: 'default' },
    ],
    ['a record_id that only looks like one', { record_id: '-'.repeat(36) }, { record_id: null }],
    ['a very long table', { table: 'x'.repeat(500) }, { table: 'x'.repeat(200) }],
    ['cut within a surrogate pair', { table: `${'x'.repeat(199)}😀` }, { table: `${'x'.repeat(199)}\ufffd` }],
    ['NUL and half a pair', { table: 'a\0b', scope: '\ud83d' }, { table: 'a\ufffdb', scope: '\ufffd' }],
  ])('%s', (_, raw, expected) => {
    expect(row({ raw })).toMatchObject(expected)
  })

  test('the words of a device that gave up, too', () => {
    const given = row({
      source: 'device',
      refusal: { code: 'a\0', detail: '\ud83d' },
      attempts: Number.MAX_SAFE_INTEGER,
    })
    expect(given).toMatchObject({ code: 'a\ufffd', detail: '\ufffd', attempts: 2 ** 31 - 1 })
  })

  test('any JSON at all', () => {
    const anyText = fc.string({ unit: 'binary' })
    const anything = fc.oneof(
      fc.jsonValue(),
      fc.record({ table: anyText, scope: anyText, record_id: anyText, data: fc.jsonValue() }),
    )
    fc.assert(
      fc.property(anything, anyText, (raw, text) => {
        const made = row({
          raw: JSON.parse(JSON.stringify(raw) ?? 'null') as unknown,
          refusal: { code: text, detail: text, errors: [{ pointer: text, detail: text }] },
        })
        expect(findUnfaithful(made)).toBeNull()
      }),
    )
  })
})
