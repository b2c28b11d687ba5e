import { describe, expect, test } from 'vitest'
import type { JsonObject } from './json.ts'
import { afterSteps, keepUnknown, knownFields, type KnownFields } from './known-fields.ts'

const text = { type: 'string' }
/** Known fields as dotted paths; `*` after an object that is known whole. */
function paths(known: KnownFields, under = ''): string[] {
  if (known === 'all') return [under || '*']
  return [...known].flatMap(([name, inner]) => paths(inner, under ? `${under}.${name}` : name))
}

describe('the fields a schema names', () => {
  test.each<[string, JsonObject, string[]]>([
    ['of an object', { properties: { a: text, b: text } }, ['a', 'b']],
    [
      'of objects within',
      { properties: { a: { properties: { x: text, y: text } }, b: text } },
      ['a.x', 'a.y', 'b'],
    ],
    ['an array is one value', { properties: { a: { items: { properties: { x: text } } } } }, ['a']],
    ['an object without names is known whole', { properties: { a: { type: 'object' } } }, ['a']],
    ['so is a map', { properties: { a: { properties: { x: text }, additionalProperties: text } } }, ['a']],
    ['and one by pattern', { properties: { a: { patternProperties: { '^x': text } } } }, ['a']],
    ['a schema without names', { type: 'object' }, ['*']],
    ['nothing else allowed', { properties: { a: text }, additionalProperties: false }, ['a']],
    [
      'all branches',
      {
        allOf: [{ properties: { a: text } }],
        oneOf: [{ properties: { b: text } }],
        else: { properties: { c: text } },
      },
      ['a', 'b', 'c'],
    ],
    [
      'branches unite',
      {
        properties: { a: { properties: { x: text } } },
        anyOf: [{ properties: { a: { properties: { y: text } } } }],
      },
      ['a.x', 'a.y'],
    ],
    [
      'by reference',
      { properties: { a: { $ref: '#/$defs/place' } }, $defs: { place: { properties: { city: text } } } },
      ['a.city'],
    ],
  ])('%s', (_, schema, expected) => {
    expect(paths(knownFields(schema))).toEqual(expected)
  })

  test('a schema that refers to itself has an end', () => {
    expect(knownFields({ properties: { a: { $ref: '#' } } })).not.toBe('all')
    expect(knownFields({ $ref: '#' })).toBe('all')
  })

  test('follow renames and drops, and defaults add none', () => {
    const known = knownFields({
      properties: { tel: text, a: { properties: { x: text, y: text } }, old: text },
    })
    const steps = [
      { rename: { tel: 'phone', 'a.x': 'b.z', nothing: 'n' } },
      { drop: ['old'] },
      { default: { status: 'open' } },
      { map: { phone: { '1': '2' } } },
    ]
    expect(paths(afterSteps(known, steps)).toSorted()).toEqual(['a.y', 'b.z', 'phone'])
  })
})

describe('what an older app writes', () => {
  const known = knownFields({
    properties: { name: text, phone: text, place: { properties: { city: text } }, tags: { type: 'object' } },
  })
  const present = {
    name: 'A',
    phone: '1',
    status: 'closed',
    place: { city: 'X', country: 'Y' },
    tags: { a: 1 },
  }
  const write = (written: JsonObject, raised = written) => keepUnknown(raised, written, present, known)

  test.each<[string, JsonObject, JsonObject]>([
    [
      'leaves what it does not know',
      { ...present, name: 'B', status: undefined!, place: { city: 'Z' } },
      { ...present, name: 'B', place: { city: 'Z', country: 'Y' } },
    ],
    [
      'removes what it knows and leaves out',
      { name: 'A', place: { city: 'X' }, tags: { a: 1 } },
      { name: 'A', place: { city: 'X', country: 'Y' }, tags: { a: 1 }, status: 'closed' },
    ],
    ['removes inside what is known whole', { ...present, tags: {} }, { ...present, tags: {} }],
    [
      'removes an object with all that is in it',
      { name: 'A', phone: '1', tags: { a: 1 } },
      { name: 'A', phone: '1', tags: { a: 1 }, status: 'closed' },
    ],
    [
      'an object in place of another value is its own',
      { ...present, place: 'here' },
      { ...present, place: 'here' },
    ],
    ['what it sent counts, known or not', { ...present, status: 'mine' }, { ...present, status: 'mine' }],
  ])('%s', (_, written, expected) => {
    const sent = Object.fromEntries(Object.entries(written).filter(([, value]) => value !== undefined))
    expect(write(sent)).toEqual(expected)
  })

  test('a default does not write over what newer apps put there', () => {
    const written = { name: 'A', phone: '1' }
    expect(write(written, { ...written, status: 'open' })).toMatchObject({ status: 'closed' })
    expect(keepUnknown({ ...written, status: 'open' }, written, { name: 'A' }, known)).toMatchObject({
      status: 'open',
    })
  })

  test('names of the prototype are names like any other', () => {
    const odd = JSON.parse('{"__proto__":{"x":1},"constructor":2}') as JsonObject
    expect(JSON.stringify(keepUnknown({ name: 'A' }, { name: 'A' }, odd, known))).toBe(
      '{"name":"A","__proto__":{"x":1},"constructor":2}',
    )
  })
})
