/** One place where two JSON values differ. `undefined` on a side: it is not there. */
export type JsonDifference = { path: string; before: unknown; after: unknown }

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Where two JSON values differ: nested objects by dotted path, arrays as whole values, in the order of the keys.
 * A dot inside a key is written `\.` so that a path names one place.
 */
export function diffJson(before: unknown, after: unknown, path = ''): JsonDifference[] {
  if (isObject(before) && isObject(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    return keys.flatMap((key) => {
      const at = path === '' ? escapeKey(key) : `${path}.${escapeKey(key)}`
      return diffJson(before[key], after[key], at)
    })
  }
  return sameJson(before, after) ? [] : [{ path, before, after }]
}

function escapeKey(key: string): string {
  return key.replaceAll('.', String.raw`\.`)
}

/** Deep equality of JSON values; the order of keys does not count. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => sameJson(item, b[index]))
  }
  if (!isObject(a) || !isObject(b)) return false
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key], b[key]))
}
