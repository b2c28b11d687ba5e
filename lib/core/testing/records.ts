import fc from 'fast-check'
import { formatHlc } from '../hlc.ts'
import { isJsonObject, type Json, type JsonObject } from '../json.ts'
import type { Path } from '../merge.ts'

/** Few names and few values, so that independent records meet, clash and agree often. */
export const anyName = fc.constantFrom('a', 'b', 'c.d', 'e\\')
export const anyScalar: fc.Arbitrary<Json> = fc.constantFrom(0, 1, 2, null, '')
const anyList = fc.array(fc.constantFrom<Json>('x', 'y', 'z'), { maxLength: 3 })

/** Records two objects deep, with lists. */
export const anyRecord = fc.dictionary(
  anyName,
  fc.oneof(
    { weight: 3, arbitrary: anyScalar },
    anyList,
    fc.dictionary(anyName, fc.oneof(anyScalar, anyList), { maxKeys: 3, noNullPrototype: true }),
  ),
  { maxKeys: 4, noNullPrototype: true },
) as fc.Arbitrary<JsonObject>

/** A stamp that tells nothing but its order. */
export function stampAt(millis: number, counter = 0): string {
  return formatHlc({ millis, counter, node: '00000000000000aa' })
}

/** Where a record has a value that is no object. */
export function leaves(data: JsonObject, above: Path = []): Path[] {
  return Object.entries(data).flatMap(([name, value]) =>
    isJsonObject(value) ? leaves(value, [...above, name]) : [[...above, name]],
  )
}
