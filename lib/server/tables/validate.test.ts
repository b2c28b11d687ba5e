import { describe, expect, test } from 'vitest'
import { defaultPolicy, type TablePolicy } from '#lib/core/policy.ts'
import type { JsonObject } from '#lib/core/json.ts'
import { AppError } from '#lib/protocol/errors.ts'
import { compilePolicy, validateRecord } from './validate.ts'

const rule = (text: string, message = '', field = '') => ({ rule: text, message, field })
const table = (parts: Partial<TablePolicy>) => ({ ...defaultPolicy('inspections'), ...parts })
const check = (parts: Partial<TablePolicy>, data: JsonObject, oldData: JsonObject | null = null) =>
  validateRecord(compilePolicy(table(parts)), data, oldData)
const refusal = (parts: Partial<TablePolicy>) => {
  try {
    compilePolicy(table(parts))
  } catch (error) {
    if (error instanceof AppError) return error.extras.errors
    throw error
  }
  return null
}

describe('schema', () => {
  const schema: JsonObject = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    required: ['name'],
    additionalProperties: false,
    properties: {
      name: { type: 'string', pattern: '^(a+)+$' },
      state: { enum: ['open', 'done'] },
      at: { type: 'string', format: 'date-time' },
      'a/b': { type: 'integer', minimum: 0 },
    },
  }

  test('a record that fits has nothing against it', () => {
    expect(check({ schema }, { name: 'aaa', state: 'open', at: '2026-11-22T08:00:00Z', 'a/b': 0 })).toBeNull()
  })

  test('every fault is named, with a pointer into the change', () => {
    const invalid = check({ schema }, { state: 'shut', at: 'noon', 'a/b': -1, extra: 1 })
    expect(invalid?.code).toBe('schema_mismatch')
    expect(invalid?.errors.map(({ pointer, detail }) => `${pointer} ${detail}`).sort()).toEqual([
      '/data/at must match format "date-time"',
      '/data/a~1b must be >= 0',
      '/data/extra is not a field of this table',
      '/data/name is required',
      '/data/state must be one of "open", "done"',
    ])
  })

  test('a schema may refer to itself for what lies deeper', () => {
    const tree: JsonObject = { properties: { child: { $ref: '#' }, name: { type: 'string' } } }
    expect(check({ schema: tree }, { child: { child: { name: 'leaf' } } })).toBeNull()
    expect(check({ schema: tree }, { child: { child: { name: 1 } } })?.errors[0]?.pointer).toBe(
      '/data/child/child/name',
    )
  })

  test('a date that does not exist is no date-time', () => {
    expect(check({ schema }, { name: 'a', at: '2026-02-30T08:00:00Z' })?.code).toBe('schema_mismatch')
  })

  test('a pattern that stalls a backtracking engine is matched in linear time', () => {
    const started = performance.now()
    expect(check({ schema }, { name: `${'a'.repeat(50_000)}!` })?.code).toBe('schema_mismatch')
    expect(performance.now() - started).toBeLessThan(2_000)
  })

  test.each<[string, JsonObject, RegExp]>([
    ['an unknown keyword', { type: 'object', reqired: ['a'] }, /unknown keyword/],
    ['a wrong type', { type: 'objekt' }, /allowed values|must be one of/],
    ['a lookahead', { properties: { a: { pattern: '(?=a)b' } } }, /invalid|perl/],
    ['another document', { $ref: 'https://example.org/schema.json' }, /can't resolve/],
    ['an endless reference', { allOf: [{ $ref: '#' }] }, /without end/],
    ['uniqueItems without a bound', { properties: { a: { uniqueItems: true } } }, /maxItems/],
  ])('%s is refused when the policy is written', (_, wrong, detail) => {
    expect(refusal({ schema: wrong })?.[0]?.detail).toMatch(detail)
  })
})

describe('rules', () => {
  test.each<[string, JsonObject, JsonObject | null, boolean]>([
    ['self.quantity >= 0', { quantity: 3 }, null, true],
    ['self.quantity >= 0', { quantity: -1 }, null, false],
    ['self.quantity + 1 == 4.5', { quantity: 3.5 }, null, true],
    ['self.quantity % 2 == 0', { quantity: 4 }, null, true],
    ['self.lines.all(line, line.count > 0)', { lines: [{ count: 1 }, { count: 0 }] }, null, false],
    ['!has(self.note) || size(self.note) < 3', {}, null, true],
    ['self.note.matches("^[a-z]+$")', { note: 'abc' }, null, true],
    ['self.note.matches("^[a-z]+$")', { note: 'a1' }, null, false],
    ['self["addr:city"] != ""', { 'addr:city': '' }, null, false],
    ['self.total >= oldSelf.total', { total: 1 }, { total: 2 }, false],
    // A transition rule says nothing about a new record, as in Kubernetes.
    ['self.total >= oldSelf.total', { total: 1 }, null, true],
  ])('%s over %j', (text, self, oldSelf, holds) => {
    expect(check({ rules: [rule(text)] }, self, oldSelf) === null).toBe(holds)
  })

  test('the message and the field of the rule reach the person', () => {
    const rules = [rule('self.address.zip != ""', 'needs a postcode', 'address.zip')]
    expect(check({ rules }, { address: { zip: '' } })).toEqual({
      code: 'business_rule',
      detail: '/data/address/zip needs a postcode',
      errors: [{ pointer: '/data/address/zip', detail: 'needs a postcode' }],
    })
  })

  test('a rule that cannot be evaluated has failed', () => {
    expect(check({ rules: [rule('self.missing > 1')] }, {})?.detail).toContain('No such key: missing')
    expect(check({ rules: [rule('self.a')] }, { a: 1 })?.detail).toContain('gave no boolean')
  })

  test.each([
    ['self.quantity >=', /./],
    ['"a" > 1', /no such overload/],
    ['foo > 1', /Unknown variable/],
    ['1 + 1', /must be true or false/],
    ['self.a.matches(self.b)', /written out/],
    ['self.a.matches("(a")', /./],
    ['cel.bind(x, self.s + self.s, size(x) > 1)', /bind/],
    ['self.a.all(a, a.all(b, b.all(c, c.all(d, d > 1))))', /deep/],
  ])('%s is refused when the policy is written', (text, detail) => {
    const errors = refusal({ rules: [rule('true'), rule(text)] })
    expect(errors?.[0]?.pointer).toBe('/rules/1')
    expect(errors?.[0]?.detail).toMatch(detail)
  })

  test('a rule whose loops would take too long on a record is not run', () => {
    const rules = [rule('self.a.all(x, self.a.exists(y, y == x))')]
    expect(check({ rules }, { a: [1, 2, 3] })).toBeNull()
    const started = performance.now()
    const many = Array.from({ length: 20_000 }, (_, i) => i)
    expect(check({ rules }, { a: many })?.detail).toContain('too large for the rule')
    expect(performance.now() - started).toBeLessThan(500)
  })

  test('what hangs on every JavaScript object is no field', () => {
    expect(check({ rules: [rule('has(self.constructor) || has(self.__proto__)')] }, {})).not.toBeNull()
  })
})

test('size comes first, in UTF-8 bytes', () => {
  expect(check({ max_record_bytes: 12 }, { a: 'éé' })).toBeNull()
  expect(check({ max_record_bytes: 11 }, { a: 'éé' })?.code).toBe('record_too_large')
})
