import canonicalize from 'canonicalize'
import type { Json } from '../json.ts'

/** What tells one element of a set from another: its canonical JSON (RFC 8785). */
export function elementKey(element: Json): string {
  return canonicalize(element) ?? 'null'
}

/** The element of a key; undefined where the text is not an element's canonical JSON. */
export function elementOf(key: string): Json | undefined {
  try {
    const element = JSON.parse(key) as Json
    return elementKey(element) === key ? element : undefined
  } catch {
    return undefined
  }
}
