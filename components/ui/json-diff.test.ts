import { describe, expect, it } from 'vitest'
import { diffJson, sameJson } from './json-diff.ts'

describe('diffJson', () => {
  it('names nested places and leaves equal ones out', () => {
    expect(diffJson({ a: 1, b: { c: 2, d: 3 } }, { a: 1, b: { c: 4, d: 3 }, e: null })).toEqual([
      { path: 'b.c', before: 2, after: 4 },
      { path: 'e', before: undefined, after: null },
    ])
  })
  it('tells a key with a dot from a nested key', () => {
    expect(diffJson({ 'a.b': 1 }, { 'a.b': 2 })[0]?.path).toBe(String.raw`a\.b`)
  })
  it('takes arrays as values', () => {
    expect(diffJson({ tags: ['a'] }, { tags: ['a', 'b'] })).toHaveLength(1)
  })
  it('sees an object replaced by something else at its own path', () => {
    expect(diffJson({ a: { b: 1 } }, { a: 'x' })).toEqual([{ path: 'a', before: { b: 1 }, after: 'x' }])
  })
})

describe('sameJson', () => {
  it('does not care about the order of keys, but about absent ones', () => {
    expect(sameJson({ a: 1, b: 2 }, { b: 2, a: 1 })).toBe(true)
    expect(sameJson({ a: undefined }, { b: undefined })).toBe(false)
    expect(sameJson([1, 2], [2, 1])).toBe(false)
  })
})
