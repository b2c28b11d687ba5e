/** A JSON value as RFC 8259 has it. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
export type JsonObject = { [key: string]: Json }

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Deep equality of JSON values; the order of an object's members does not matter. */
export function jsonEqual(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => jsonEqual(item, b[i]))
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return false
  const keys = Object.keys(a)
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && jsonEqual(a[key], b[key]))
  )
}

/** JSON pointer (RFC 6901) to a place. */
export function jsonPointer(path: readonly PropertyKey[]): string {
  return path.map((name) => `/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/**
 * The first place in a value that Postgres jsonb or a JavaScript number cannot hold faithfully.
 * @returns a JSON pointer and what is wrong there, or null
 */
export function findUnfaithful(value: unknown, pointer = ''): { pointer: string; detail: string } | null {
  switch (typeof value) {
    case 'string': {
      const detail = unfaithfulText(value)
      return detail === null ? null : { pointer, detail }
    }
    case 'number':
      if (!Number.isFinite(value)) return { pointer, detail: 'is a number too large to hold' }
      if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
        return { pointer, detail: 'is an integer past 2^53: send it as a string' }
      }
      return null
    case 'object':
      if (value === null) return null
      for (const [key, item] of Object.entries(value)) {
        const at = pointer + jsonPointer([key])
        if (key === '__proto__') return { pointer: at, detail: 'is a key that may not be used' }
        const detail = unfaithfulText(key)
        if (detail !== null) return { pointer: at, detail: `has a name that ${detail}` }
        const found = findUnfaithful(item, at)
        if (found) return found
      }
      return null
    default:
      return null
  }
}

function unfaithfulText(text: string): string | null {
  if (text.includes('\0')) return 'contains a NUL character'
  if (!text.isWellFormed()) return 'contains half a surrogate pair'
  return null
}
