import { expect, test } from 'vitest'
import { policyFaults } from './policy-faults.ts'
import { defaultPolicy, type TablePolicy } from './policy.ts'

test.each<[string, Partial<TablePolicy>, string[]]>([
  ['nothing said', {}, []],
  [
    'fields and sets of their own',
    { fields: { 'a.b': { tiebreak: 'lww' }, 'a\\.b': { strategy: 'ot' } }, sets: ['a.c'] },
    [],
  ],
  [
    'a tiebreak around another override',
    { fields: { a: { tiebreak: 'server' }, 'a.b': { strategy: 'lww' } } },
    [],
  ],
  ['a merge around another', { fields: { a: { strategy: 'merge' }, 'a.b': { strategy: 'lww' } } }, []],
  ['a field whose name is empty', { fields: { '\\e': { strategy: 'lww' } } }, []],
  [
    'dots too many',
    { fields: { '.a': { tiebreak: 'lww' }, 'a..b': { tiebreak: 'lww' }, '.': { tiebreak: 'lww' } } },
    ['/fields/.a', '/fields/a..b', '/fields/.'],
  ],
  ['a backslash at the end', { sets: ['ok', 'a\\'] }, ['/sets/1']],
  [
    'a rule that blames no place',
    { rules: [{ rule: 'true', message: '', field: 'a.' }] },
    ['/rules/0/field'],
  ],
  [
    'steps from an older schema that name no place',
    {
      upcasts: {
        '1': [
          { rename: { 'a.b': 'a\\.b', '.a': 'ok', ok: 'b.' } },
          { default: { 'a..b': 1, 'a.b': 2 } },
          { drop: ['a', '.'] },
        ],
        '2': [{ map: { 'a\\': { x: 'y' }, b: { 'any.': 1 } } }],
      },
    },
    [
      '/upcasts/1/0/rename/.a',
      '/upcasts/1/0/rename/ok',
      '/upcasts/1/1/default/a..b',
      '/upcasts/1/2/drop/1',
      '/upcasts/2/0/map/a\\',
    ],
  ],
  [
    'an override within one value',
    { fields: { a: { strategy: 'fww' }, 'a.b.c': { tiebreak: 'lww' } } },
    ['/fields/a.b.c'],
  ],
  [
    'a set within one value',
    { fields: { a: { strategy: 'crdt', type: 'g-set' } }, sets: ['a.items'] },
    ['/sets/0'],
  ],
  ['a CRDT without its type', { fields: { a: { strategy: 'crdt' } } }, ['/fields/a/type']],
  ['a type without its CRDT', { fields: { a: { tiebreak: 'lww', type: 'text' } } }, ['/fields/a/type']],
  [
    'text where the schema has none',
    {
      fields: {
        n: { strategy: 'ot' },
        state: { strategy: 'ot' },
        note: { strategy: 'ot' },
        'in.note': { strategy: 'ot' },
      },
      schema: {
        $defs: { text: { type: 'string', enum: ['a'] } },
        properties: {
          n: { type: 'integer' },
          state: { $ref: '#/$defs/text' },
          note: { type: ['string', 'null'] },
          in: { type: 'object' },
        },
      },
    },
    ['/fields/n/strategy', '/fields/state/strategy'],
  ],
  [
    'a table of text without any',
    { strategy: 'ot', schema: { properties: { a: { type: 'number' } } } },
    ['/strategy'],
  ],
  ['a table of text with some', { strategy: 'ot', schema: { properties: { a: { maxLength: 9 } } } }, []],
])('%s', (_, parts, pointers) => {
  expect(policyFaults({ ...defaultPolicy('things'), ...parts }).map(({ pointer }) => pointer)).toEqual(
    pointers,
  )
})
