import { isJsonObject, jsonPointer, type Json } from '../json.ts'
import { elementKey, elementOf } from './element.ts'
import { memberFault, type CrdtFault, type CrdtType } from './type.ts'

/**
 * A set to which elements are added and from which they are removed; an addition that a removal did not see survives
 * it. Each addition has a tag of its own; an element is in the set while one of its tags is not removed. `entries` are
 * by the element's canonical JSON; the normal form sorts the tags.
 */
export type OrSet = { $crdt: 'or-set'; entries: { [element: string]: string[] }; removed: string[] }

export const emptyOrSet: OrSet = { $crdt: 'or-set', entries: {}, removed: [] }

/** As long as a few UUIDs: a tag only has to be unlike every other. */
const maxTagLength = 100

export const orSet: CrdtType<OrSet> = {
  fault: (value) =>
    memberFault(value, ['entries', 'removed']) ?? tagsFault(value['entries'], value['removed']),
  normal: (set) => orSetOf(tagsByElement(set), new Set(set.removed)),
  merge(a, b) {
    const entries = tagsByElement(a)
    for (const [element, tags] of tagsByElement(b)) {
      entries.set(element, new Set([...(entries.get(element) ?? []), ...tags]))
    }
    return orSetOf(entries, new Set([...a.removed, ...b.removed]))
  },
  value: ({ entries }) =>
    Object.keys(entries)
      .sort()
      .map((key) => elementOf(key) ?? key),
  overreach({ before, after, known }) {
    const removed = new Set(after.removed)
    const dropped = before?.removed.find((tag) => !removed.has(tag))
    if (dropped !== undefined) {
      return {
        pointer: '/removed',
        detail: `no longer has the tag ${JSON.stringify(dropped)}: it may not come back`,
      }
    }
    for (const [element, tags] of Object.entries(before?.entries ?? {})) {
      const left = Object.hasOwn(after.entries, element) ? after.entries[element]! : []
      const lost = tags.find((tag) => !left.includes(tag) && !removed.has(tag))
      if (lost !== undefined) {
        const pointer = jsonPointer(['entries', element])
        return {
          pointer,
          detail: `drops the tag ${JSON.stringify(lost)}: what is removed is listed in "removed"`,
        }
      }
    }
    return known ? movedTag(after, known) : null
  },
}

/** The set with an element more. @param tag unlike every tag there ever was, such as a UUID */
export function addToOrSet({ entries, removed }: OrSet, element: Json, tag: string): OrSet {
  const key = elementKey(element)
  const tags = Object.hasOwn(entries, key) ? entries[key]! : []
  return { $crdt: 'or-set', entries: { ...entries, [key]: [...tags, tag].sort() }, removed }
}

/** The set without an element: every addition of it that this state has seen is removed. */
export function removeFromOrSet({ entries, removed }: OrSet, element: Json): OrSet {
  const { [elementKey(element)]: tags = [], ...others } = entries
  return { $crdt: 'or-set', entries: others, removed: [...removed, ...tags].sort() }
}

function tagsFault(entries: Json | undefined, removed: Json | undefined): CrdtFault | null {
  if (!isJsonObject(entries)) return { pointer: '/entries', detail: 'must be an object of tags by element' }
  if (!Array.isArray(removed)) return { pointer: '/removed', detail: 'must be a list of tags' }
  const seen = new Set<Json>()
  const tagFault = (tag: Json, pointer: string): CrdtFault | null => {
    if (typeof tag !== 'string' || tag.length === 0 || tag.length > maxTagLength) {
      return { pointer, detail: `must be a tag of 1 to ${maxTagLength} characters` }
    }
    if (seen.has(tag)) return { pointer, detail: `the tag ${JSON.stringify(tag)} is there twice` }
    seen.add(tag)
    return null
  }
  for (const [element, tags] of Object.entries(entries)) {
    const pointer = jsonPointer(['entries', element])
    if (elementOf(element) === undefined)
      return { pointer, detail: 'its name is not canonical JSON of an element' }
    if (!Array.isArray(tags) || tags.length === 0)
      return { pointer, detail: 'must be a list of one tag or more' }
    for (const [index, tag] of tags.entries()) {
      const fault = tagFault(tag, `${pointer}/${index}`)
      if (fault) return fault
    }
  }
  for (const [index, tag] of removed.entries()) {
    const fault = tagFault(tag, `/removed/${index}`)
    if (fault) return fault
  }
  return null
}

/** A tag belongs to the element it was made for. */
function movedTag(after: OrSet, other: OrSet): CrdtFault | null {
  const elements = new Map(
    Object.entries(other.entries).flatMap(([key, tags]) => tags.map((tag) => [tag, key])),
  )
  for (const [element, tags] of Object.entries(after.entries)) {
    const moved = tags.find((tag) => elements.has(tag) && elements.get(tag) !== element)
    if (moved !== undefined) {
      const pointer = jsonPointer(['entries', element])
      return { pointer, detail: `has the tag ${JSON.stringify(moved)} of another element` }
    }
  }
  return null
}

function tagsByElement({ entries }: OrSet): Map<string, Set<string>> {
  return new Map(Object.entries(entries).map(([element, tags]) => [element, new Set(tags)]))
}

function orSetOf(entries: Map<string, Set<string>>, removed: Set<string>): OrSet {
  const live = [...entries]
    .map(([element, tags]) => [element, [...tags].filter((tag) => !removed.has(tag)).sort()] as const)
    .filter(([, tags]) => tags.length > 0)
  return { $crdt: 'or-set', entries: Object.fromEntries(live), removed: [...removed].sort() }
}
