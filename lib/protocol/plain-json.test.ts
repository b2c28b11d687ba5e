import canonicalize from 'canonicalize'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Json } from '#lib/core/json.ts'
import { canonicalJson } from './checksum.ts'
import { plainCanonicalJson } from './plain-json.ts'

const isOutOfOrder = (name: string) => /^\d+$/.test(name) || name === '__proto__'
const hasNoneOutOfOrder = (value: Json): boolean =>
  typeof value !== 'object' ||
  value === null ||
  ((Array.isArray(value) || !Object.keys(value).some(isOutOfOrder)) &&
    Object.values(value).every(hasNoneOutOfOrder))

test("whatever JSON.parse makes is written as the library writes it, and is the library's where an object has its own order", () => {
  const values = fc.jsonValue({ maxDepth: 5, stringUnit: 'grapheme' })
  fc.assert(
    fc.property(values, (value) => {
      const parsed = JSON.parse(JSON.stringify(value)) as Json
      expect(canonicalJson(parsed)).toBe(canonicalize(parsed))
      // A backslash before "ud" may begin half a pair.
      const isPlain = hasNoneOutOfOrder(parsed) && !JSON.stringify(parsed).includes('\\ud')
      expect(plainCanonicalJson(parsed) !== null).toBe(isPlain)
    }),
    { numRuns: 1_000 },
  )
})

test('names in any order, of any kind, are sorted by code units', () => {
  const names = fc.uniqueArray(fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()))
  fc.assert(
    fc.property(names, (keys) => {
      const object = Object.fromEntries(keys.filter((key) => key !== '__proto__').map((key, i) => [key, i]))
      expect(canonicalJson(object)).toBe(canonicalize(object))
    }),
  )
})

test.each<[string, string, string]>([
  ['names that begin as numbers', '{"9b":1,"10a":2}', '{"10a":2,"9b":1}'],
  ['numbers as names', '{"b":1,"10":2,"9":3}', '{"10":2,"9":3,"b":1}'],
  ['the name of the prototype', '{"b":1,"__proto__":{"a":2}}', '{"__proto__":{"a":2},"b":1}'],
  ['a backslash before "ud"', '{"b":"\\\\ud83d","a":1}', '{"a":1,"b":"\\\\ud83d"}'],
  ['a name of how it is written', '{"toJSON":1,"a":"x"}', '{"a":"x","toJSON":1}'],
])('%s: nothing is lost or moved', (_, text, canonical) => {
  expect(canonicalJson(JSON.parse(text) as Json)).toBe(canonical)
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
