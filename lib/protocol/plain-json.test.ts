import canonicalize from 'canonicalize'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Json } from '#lib/core/json.ts'
import { canonicalJson } from './checksum.ts'
import { plainCanonicalJson } from './plain-json.ts'

test('whatever JSON.parse makes is written as the library writes it', () => {
  const values = fc.jsonValue({ maxDepth: 5, stringUnit: 'grapheme' })
  fc.assert(
    fc.property(values, (value) => {
      const parsed = JSON.parse(JSON.stringify(value)) as Json
      expect(plainCanonicalJson(parsed)).toBe(canonicalize(parsed))
    }),
    { numRuns: 1_000 },
  )
})

test('names in any order, of any kind, are sorted by code units', () => {
  const names = fc.uniqueArray(fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()))
  fc.assert(
    fc.property(names, (keys) => {
      const object = Object.fromEntries(keys.filter((key) => key !== '__proto__').map((key, i) => [key, i]))
      expect(plainCanonicalJson(object)).toBe(canonicalize(object))
    }),
  )
})

const deep = (depth: number): Json => (depth === 0 ? 1 : { a: [deep(depth - 1)] })

test.each<[string, unknown, string]>([
  ['a member that is undefined', { b: undefined, a: 1 }, '{"a":1}'],
  ['an item that is undefined', [undefined], '[null]'],
  ['a date', { at: new Date(0) }, '{"at":"1970-01-01T00:00:00.000Z"}'],
  ['an object that tells how it is written', { x: { toJSON: () => 1 } }, '{"x":1}'],
  [
    'an instance of a class',
    new (class {
      b = 2
      a = 1
    })(),
    '{"a":1,"b":2}',
  ],
])("%s is the library's", (_, value, text) => {
  expect(plainCanonicalJson(value)).toBeNull()
  expect(canonicalJson(value as Json)).toBe(text)
})

test.each<[string, unknown]>([
  ['half a surrogate pair', { a: '\ud83d' }],
  ['a name of half a surrogate pair', { '\ud83d': 1 }],
  ['a number without bounds', [Infinity]],
  ['what is not a number', [NaN]],
])('%s has no text', (_, value) => {
  expect(() => canonicalJson(value as Json)).toThrow()
})

test('depth costs no stack', () => {
  expect(canonicalJson(deep(3_000))).toHaveLength(3_000 * 8 + 1)
  const round: { self?: object } = {}
  round.self = round
  expect(() => canonicalJson(round as Json)).toThrow(/circular/i)
})
