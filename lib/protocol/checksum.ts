import canonicalize from 'canonicalize'
import type { Json } from '#lib/core/json.ts'
import { plainCanonicalJson } from './plain-json.ts'

/** SHA-256 of UTF-8 text, as lower-case hex: Node's crypto on the server, a portable one on devices. */
export type Sha256Hex = (text: string) => string

/** RFC 8785 canonical JSON of a value. */
export function canonicalJson(value: Json): string {
  return plainCanonicalJson(value) ?? canonicalize(value) ?? 'null'
}

/** Checksum of a record's state: SHA-256 over its canonical JSON, over `null` for a deleted one. */
export function recordChecksum(data: Json, sha256Hex: Sha256Hex): string {
  return sha256Hex(canonicalJson(data))
}
