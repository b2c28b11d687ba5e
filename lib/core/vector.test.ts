import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareVectors, joinVectors, type Vector, type VectorOrder } from './vector.ts'

const anyVector: fc.Arbitrary<Vector> = fc.dictionary(fc.constantFrom('x', 'y', 'z'), fc.nat(2), {
  noNullPrototype: true,
})
const isWithin = (a: Vector, b: Vector) => ['equal', 'before'].includes(compareVectors(a, b))

describe('order', () => {
  test.each<[Vector, Vector, VectorOrder]>([
    [{}, {}, 'equal'],
    [{ x: 1 }, { x: 1 }, 'equal'],
    [{ x: 0 }, {}, 'equal'],
    [{ x: 1 }, { x: 2 }, 'before'],
    [{ x: 1 }, { x: 1, y: 1 }, 'before'],
    [{ x: 2, y: 1 }, { x: 1, y: 1 }, 'after'],
    [{ x: 1 }, {}, 'after'],
    [{ x: 1 }, { y: 1 }, 'concurrent'],
    [{ x: 2, y: 1 }, { x: 1, y: 2 }, 'concurrent'],
  ])('%j to %j: %s', (a, b, order) => {
    expect(compareVectors(a, b)).toBe(order)
  })

  test('is a partial order: reflexive, antisymmetric, transitive', () => {
    const opposite = { equal: 'equal', before: 'after', after: 'before', concurrent: 'concurrent' } as const
    fc.assert(
      fc.property(anyVector, anyVector, anyVector, (a, b, c) => {
        expect(compareVectors(a, a)).toBe('equal')
        expect(compareVectors(b, a)).toBe(opposite[compareVectors(a, b)])
        expect(!(isWithin(a, b) && isWithin(b, c)) || isWithin(a, c)).toBe(true)
      }),
    )
  })
})

describe('join', () => {
  test('is commutative, associative and idempotent', () => {
    fc.assert(
      fc.property(anyVector, anyVector, anyVector, (a, b, c) => {
        expect(joinVectors(a, b)).toEqual(joinVectors(b, a))
        expect(joinVectors(joinVectors(a, b), c)).toEqual(joinVectors(a, joinVectors(b, c)))
        expect(joinVectors(a, a)).toEqual(a)
        expect(joinVectors(a, {})).toEqual(a)
      }),
    )
  })

  test('is the least vector that includes both', () => {
    fc.assert(
      fc.property(anyVector, anyVector, anyVector, (a, b, other) => {
        const joined = joinVectors(a, b)
        expect(isWithin(a, joined) && isWithin(b, joined)).toBe(true)
        expect(isWithin(joined, other)).toBe(isWithin(a, other) && isWithin(b, other))
      }),
    )
  })

  test('changes neither', () => {
    const a = Object.freeze({ x: 1 })
    expect(joinVectors(a, { x: 2 })).toEqual({ x: 2 })
    expect(a).toEqual({ x: 1 })
  })
})
