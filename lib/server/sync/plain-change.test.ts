import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { changeSchema, maxInteger } from '#lib/protocol/sync.ts'
import { plainChange } from './plain-change.ts'

const id = '0193f3a2-b4c0-7000-8000-000000000001'
const hlc = '0193f3a2b4c0-0003-9f2c01aa77e04b11'
const common = {
  ...{ op_id: id, seq: 17, table: 'inspections', operation: 'UPDATE', record_id: id, scope: 'site-7' },
  ...{ base_version: 5, data: { name: 'Ada' }, hlc, vector: { [id]: 3 }, checksum: 'c', priority: 'normal' },
}

/** For each member what is right, what is at its bounds, and what is wrong. */
const members: Record<string, unknown[]> = {
  op_id: [id, id.toUpperCase(), `${id}\n`, '', 7],
  seq: [1, Number.MAX_SAFE_INTEGER, 0, -1, 1.5, 2 ** 53, '1'],
  table: ['t', 'x'.repeat(200), 'x'.repeat(201), '😀'.repeat(100), '', 7],
  operation: ['CREATE', 'UPDATE', 'DELETE', 'PATCH', 7],
  record_id: [id, 'x', {}],
  scope: ['s', 'x'.repeat(200), 'x'.repeat(201), '', 7],
  from_scope: ['s', '', 7],
  base_version: [0, -0, 1, maxInteger, maxInteger + 1, -1, 0.5, '0'],
  base_op_id: [id, 'x', 7],
  base_checksum: ['', 'x'.repeat(200), 'x'.repeat(201), 7],
  data: [{}, { a: [1, { b: null }] }, [], 'text', 7],
  text_ops: [{}, { a: [{ retain: 1 }] }, { a: [1] }, []],
  hlc: [hlc, `${hlc} `, hlc.toUpperCase(), '', 7],
  vector: [{}, { [id]: 0 }, { [id]: -1 }, { [id]: 0.5 }, { [id]: '1' }, { x: 1 }, [], 7],
  checksum: ['', 'x'.repeat(200), 'x'.repeat(201), 7],
  first_checksum: ['', 'x'.repeat(200), 'x'.repeat(201), 7],
  priority: ['critical', 'normal', 'bulk', 'urgent', 7],
  saga: [{ id, step: 1, steps: 2 }, { id }, 7],
  traceparent: ['', 'x'.repeat(200), 'x'.repeat(201), 7],
  colour: ['red'],
}
const oneMember = fc
  .constantFrom(...Object.entries(members))
  .chain(([name, values]) =>
    fc.constantFrom<unknown>(...values, null, undefined).map((value) => [name, value] as const),
  )

test('whatever it reads, the schema reads alike', () => {
  let read = 0
  fc.assert(
    fc.property(fc.array(oneMember, { maxLength: 4 }), (others) => {
      const raw = JSON.parse(JSON.stringify({ ...common, ...Object.fromEntries(others) })) as unknown
      const change = plainChange(raw)
      if (change === null) return
      read++
      expect(changeSchema.parse(raw)).toEqual(change)
    }),
    { numRuns: 5_000 },
  )
  // Not by leaving everything to the schema.
  expect(read).toBeGreaterThan(500)
})

describe('the schema is asked about', () => {
  test.each<[string, unknown]>([
    ['what moves', { ...common, from_scope: 's' }],
    ['a step of a saga', { ...common, saga: { id, step: 1, steps: 2 } }],
    ['edits of texts', { ...common, text_ops: {} }],
    ['what was stamped anew', { ...common, first_checksum: 'c' }],
    ['a delete with data', { ...common, operation: 'DELETE' }],
    ['an update without', { ...common, data: null }],
    ['a CREATE on a base', { ...common, operation: 'CREATE' }],
    ['no object', 'text'],
    ['a list', []],
    ['nothing', null],
  ])('%s', (_, raw) => {
    expect(plainChange(raw)).toBeNull()
  })
})

test.each<[string, object]>([
  ['an update', common],
  ['a delete', { ...common, operation: 'DELETE', data: undefined }],
  ['a new record', { ...common, operation: 'CREATE', base_version: 0 }],
  ['one with as little as can be', { ...common, scope: undefined, vector: undefined, priority: undefined }],
  ['one on top of another', { ...common, base_op_id: id, base_checksum: 'c', traceparent: '00-x' }],
])('%s is read without the schema', (_, change) => {
  const raw = JSON.parse(JSON.stringify(change)) as unknown
  expect(plainChange(raw)).toEqual(changeSchema.parse(raw))
})
