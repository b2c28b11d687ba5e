import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findUnfaithful, isJsonObject, jsonEqual, type Json } from './json.ts'

const anyJson = fc.jsonValue({ noUnicodeString: false }) as fc.Arbitrary<Json>

describe('equality', () => {
  test.each<[Json | undefined, Json | undefined, boolean]>([
    [{ a: 1, b: 2 }, { b: 2, a: 1 }, true],
    [[1, 2], [2, 1], false],
    [[1], [1, 2], false],
    [{ a: null }, {}, false],
    [{ a: null }, { b: null }, false],
    [{}, [], false],
    [null, undefined, false],
    [undefined, undefined, true],
    [0, -0, true],
    ['1', 1, false],
    [{ toString: 1 }, {}, false],
    [{}, { toString: 1 }, false],
  ])('%j and %j: %s', (a, b, expected) => {
    expect(jsonEqual(a, b)).toBe(expected)
    expect(jsonEqual(b, a)).toBe(expected)
  })

  test('is that of the texts, members in any order', () => {
    const sorted = (value: Json): string =>
      JSON.stringify(value, (_, item: unknown) =>
        isJsonObject(item)
          ? { members: Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)) }
          : item,
      )
    fc.assert(
      fc.property(anyJson, anyJson, (a, b) => {
        expect(jsonEqual(a, JSON.parse(JSON.stringify(a)) as Json)).toBe(true)
        expect(jsonEqual(a, b)).toBe(sorted(a) === sorted(b))
      }),
    )
  })
})

describe('what cannot be held faithfully', () => {
  test.each([
    ['a NUL', { a: 'x\0y' }, '/a', 'NUL'],
    ['a NUL in a name', { a: { 'x\0': 1 } }, '/a/x\0', 'NUL'],
    ['a high surrogate alone', ['ok', '\ud83d'], '/1', 'surrogate'],
    ['a low surrogate alone', { a: '\ude00x' }, '/a', 'surrogate'],
    ['half a surrogate pair in a name', { '\ud83d': 1 }, '/\ud83d', 'surrogate'],
    ['an integer past 2^53', { n: [2 ** 53] }, '/n/0', '2^53'],
    ['a negative one', { n: -(2 ** 53) }, '/n', '2^53'],
    ['a number past a double', JSON.parse('{"n":1e999}') as Json, '/n', 'too large'],
    ['a name that reaches prototypes', JSON.parse('{"a":{"__proto__":1}}') as Json, '/a/__proto__', 'key'],
    ['a pointer with slash and tilde', { 'a/b~c': '\0' }, '/a~1b~0c', 'NUL'],
    ['the first of several', { a: { b: '\0' }, c: '\0' }, '/a/b', 'NUL'],
    ['the value itself', '\0', '', 'NUL'],
  ])('%s', (_, value, pointer, why) => {
    const found = findUnfaithful(value)
    expect(found).toMatchObject({ pointer })
    expect(found?.detail).toContain(why)
  })

  test.each([
    ['a surrogate pair', '😀'],
    ['control characters', '\u0001\u007f\u2028'],
    ['the largest safe integers', [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]],
    ['fractions of any size', [1e-300, 0.1, -0]],
    ['names of Object.prototype', { constructor: 1, toString: 2, prototype: 3 }],
    ['nothing', null],
    ['empty things', [{}, [], '']],
  ])('%s can', (_, value) => {
    expect(findUnfaithful(value)).toBeNull()
  })

  test('what passes comes back from its text as it was', () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        fc.pre(findUnfaithful(value) === null)
        expect(jsonEqual(JSON.parse(JSON.stringify(value)) as Json, value)).toBe(true)
      }),
    )
  })
})
