/** A JSON value as RFC 8259 has it. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
export type JsonObject = { [key: string]: Json }

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What an object has under a name; undefined where it does not, or is none. */
export function memberOf(value: Json | undefined, name: string): Json | undefined {
  return isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
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
  const path: string[] = []
  const detail = unfaithful(value, path)
  return detail === null ? null : { pointer: pointer + jsonPointer(path.toReversed()), detail }
}

/** @param path the names on the way to the fault, innermost first: they are only gathered once there is one */
function unfaithful(value: unknown, path: string[]): string | null {
  switch (typeof value) {
    case 'string':
      return unfaithfulText(value)
    case 'number':
      if (!Number.isFinite(value)) return 'is a number too large to hold'
      return Number.isInteger(value) && !Number.isSafeInteger(value)
        ? 'is an integer past 2^53: send it as a string'
        : null
    case 'object':
      if (value === null) return null
      for (const key of Object.keys(value)) {
        const fault = unfaithfulName(key) ?? unfaithful((value as { [key: string]: unknown })[key], path)
        if (fault === null) continue
        path.push(key)
        return fault
      }
      return null
    default:
      return null
  }
}

function unfaithfulName(name: string): string | null {
  if (name === '__proto__') return 'is a key that may not be used'
  const fault = unfaithfulText(name)
  return fault === null ? null : `has a name that ${fault}`
}

function unfaithfulText(text: string): string | null {
  if (text.includes('\0')) return 'contains a NUL character'
  if (!text.isWellFormed()) return 'contains half a surrogate pair'
  return null
}
