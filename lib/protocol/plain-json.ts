import { isJsonObject, type Json, type JsonObject } from '#lib/core/json.ts'

/** Deeper values are left to the library, which does not recurse. */
const maxDepth = 100

/** As JSON, half a surrogate pair: V8 and others write it so, and RFC 8785 has no text for it. */
const halfPair = '\\ud'

/**
 * RFC 8785 canonical JSON of a value as `JSON.parse` makes them, at a third of what the library takes: `JSON.stringify`
 * writes texts and numbers as the RFC asks for them, and what is left to do is to put names in order.
 * @returns null for anything else (a Date, a member that is undefined, a number past all bounds, a text that is no text),
 *    and for some that are rare: whether they have a text is the library's to say
 */
export function plainCanonicalJson(value: unknown): string | null {
  const ordered = inOrder(value, 0)
  if (ordered === undefined) return null
  const text = JSON.stringify(ordered)
  return text.includes(halfPair) ? null : text
}

/** The value with the names of its objects in order; undefined for what is not plain. */
function inOrder(value: unknown, depth: number): Json | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      return Number.isFinite(value) ? value : undefined
    case 'object':
      if (value === null) return null
      if (depth > maxDepth) return undefined
      return Array.isArray(value) ? listInOrder(value, depth) : objectInOrder(value, depth)
    default:
      return undefined
  }
}

function listInOrder(list: readonly unknown[], depth: number): Json[] | undefined {
  const ordered: Json[] = []
  for (let i = 0; i < list.length; i++) {
    const item = inOrder(list[i], depth + 1)
    if (item === undefined) return undefined
    ordered.push(item)
  }
  return ordered
}

function objectInOrder(object: object, depth: number): JsonObject | undefined {
  if (Object.getPrototypeOf(object) !== Object.prototype || !isJsonObject(object)) return undefined
  const ordered: JsonObject = {}
  for (const name of sortedNames(object)) {
    const member = inOrder(object[name], depth + 1)
    if (member === undefined || isOutOfOrder(name)) return undefined
    ordered[name] = member
  }
  return ordered
}

const wholeNumber = /^\d+$/

/** Whether an object has a place of its own for a name: whole numbers come first there, and one sets the prototype. */
function isOutOfOrder(name: string): boolean {
  const first = name.charCodeAt(0)
  return (first >= 0x30 && first <= 0x39 && wholeNumber.test(name)) || name === '__proto__'
}

/** By UTF-16 code units. What was written in order, as devices do, is not sorted again. */
function sortedNames(object: object): string[] {
  const names = Object.keys(object)
  for (let i = 1; i < names.length; i++) if (names[i - 1]! > names[i]!) return names.toSorted()
  return names
}
