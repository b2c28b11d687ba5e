import type { Json } from '../json.ts'
import { elementKey } from './element.ts'
import { memberFault, type CrdtFault, type CrdtType } from './type.ts'

/** A set that only grows. Its normal form lists the elements in the order of their canonical JSON. */
export type GSet = { $crdt: 'g-set'; items: Json[] }

export const emptyGSet: GSet = { $crdt: 'g-set', items: [] }

export const gSet: CrdtType<GSet> = {
  fault: (value) => memberFault(value, ['items']) ?? itemsFault(value['items']),
  normal: ({ items }) => gSetOf(byKey(items)),
  merge: (a, b) => gSetOf(new Map([...byKey(a.items), ...byKey(b.items)])),
  value: ({ items }) => [...items],
  overreach({ before, after }) {
    const left = byKey(after.items)
    const dropped = before?.items.find((item) => !left.has(elementKey(item)))
    return dropped === undefined
      ? null
      : { pointer: '/items', detail: `drops ${elementKey(dropped).slice(0, 100)}: this set only grows` }
  },
}

/** The set with an element more. */
export function addToGSet(set: GSet, element: Json): GSet {
  return gSetOf(byKey([...set.items, element]))
}

function itemsFault(items: Json | undefined): CrdtFault | null {
  if (!Array.isArray(items)) return { pointer: '/items', detail: 'must be a list' }
  const seen = new Set<string>()
  for (const [index, item] of items.entries()) {
    const key = elementKey(item)
    if (seen.has(key)) return { pointer: `/items/${index}`, detail: 'is in the set already' }
    seen.add(key)
  }
  return null
}

function byKey(items: readonly Json[]): Map<string, Json> {
  return new Map(items.map((item) => [elementKey(item), item]))
}

function gSetOf(items: Map<string, Json>): GSet {
  const sorted = [...items].sort(([a], [b]) => (a < b ? -1 : 1))
  return { $crdt: 'g-set', items: sorted.map(([, item]) => item) }
}
