import { isJsonObject } from '#lib/core/json.ts'

/** Deeper values are left to the library, which does not recurse. */
const maxDepth = 100

/**
 * RFC 8785 canonical JSON of a value as `JSON.parse` makes them, at half of what the library takes.
 * @returns null for anything else (a Date, a member that is undefined, a number past all bounds, a text that is no text)
 */
export function plainCanonicalJson(value: unknown, depth = 0): string | null {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() ? JSON.stringify(value) : null
    case 'number':
      return Number.isFinite(value) ? JSON.stringify(value) : null
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      if (value === null) return 'null'
      if (depth > maxDepth) return null
      return Array.isArray(value) ? plainList(value, depth) : plainObject(value, depth)
    default:
      return null
  }
}

function plainList(list: readonly unknown[], depth: number): string | null {
  let text = '['
  for (let i = 0; i < list.length; i++) {
    const item = plainCanonicalJson(list[i], depth + 1)
    if (item === null) return null
    text += i === 0 ? item : `,${item}`
  }
  return `${text}]`
}

function plainObject(object: object, depth: number): string | null {
  if (Object.getPrototypeOf(object) !== Object.prototype || !isJsonObject(object)) return null
  let text = '{'
  for (const name of sortedNames(object)) {
    const member = plainCanonicalJson(object[name], depth + 1)
    if (member === null || !name.isWellFormed()) return null
    text += text.length === 1 ? `${JSON.stringify(name)}:${member}` : `,${JSON.stringify(name)}:${member}`
  }
  return `${text}}`
}

/** By UTF-16 code units. What was written in order, as devices do, is not sorted again. */
function sortedNames(object: object): string[] {
  const names = Object.keys(object)
  for (let i = 1; i < names.length; i++) if (names[i - 1]! > names[i]!) return names.toSorted()
  return names
}
