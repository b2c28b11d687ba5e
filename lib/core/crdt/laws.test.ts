import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jsonEqual, type JsonObject } from '../json.ts'
import { anyHistory, devices, kinds, type Kind } from './testing/histories.ts'
import { crdtFault, crdtOverreach, mergeCrdt, normalCrdt } from './types.ts'

const join = (a: JsonObject, b: JsonObject) => mergeCrdt(a, b)!
const same = (a: JsonObject, b: JsonObject) => jsonEqual(normalCrdt(a), normalCrdt(b))

describe.each(Object.entries(kinds))('%s', (_, kind: Kind) => {
  /** Three replicas that edited, and merged with each other, in any order. */
  const anyStates = anyHistory(kind)

  test('a reached state is well-formed, and so is its normal form, which is its own', () => {
    fc.assert(
      fc.property(anyStates, (states) => {
        for (const state of states) {
          expect(crdtFault(state)).toBeNull()
          expect(crdtFault(normalCrdt(state))).toBeNull()
          expect(normalCrdt(normalCrdt(state))).toEqual(normalCrdt(state))
        }
      }),
    )
  })

  test('merge is commutative, associative and idempotent, in equal bytes', () => {
    fc.assert(
      fc.property(anyStates, ([a, b, c]) => {
        expect(join(a, b)).toEqual(join(b, a))
        expect(join(join(a, b), c)).toEqual(join(a, join(b, c)))
        expect(join(a, a)).toEqual(normalCrdt(a))
        expect(join(a, join(a, b))).toEqual(join(a, b))
      }),
    )
  })

  test('merge is monotone: both sides are in it, and neither overreaches by it', () => {
    fc.assert(
      fc.property(anyStates, ([a, b]) => {
        const joined = join(a, b)
        expect(same(join(a, joined), joined)).toBe(true)
        for (const before of [a, b]) {
          expect(crdtOverreach({ before, after: joined, known: joined, deviceId: devices[0] })).toBeNull()
        }
      }),
    )
  })

  test('an edit of a device is growth, and its taking back is not', () => {
    fc.assert(
      fc.property(anyStates, kind.anyEdit, ([, before], edit) => {
        const after = edit(before, 1)
        const growth = { before, after, known: before, deviceId: devices[1] }
        expect(crdtOverreach(growth)).toBeNull()
        fc.pre(!same(before, after))
        expect(crdtOverreach({ ...growth, before: after, after: before, known: after })).not.toBeNull()
      }),
    )
  })
})
