import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'

/** Enough of a detail to tell faults apart; the rest names the particular record. */
const maxPatternLength = 500

/**
 * What the details of one fault have in common: ids, quoted text, times and numbers give way to placeholders.
 * `/data/lines/3/count must be >= 0, got "x"` → `/data/lines/#/count must be >= #, got "…"`
 */
export function detailPattern(detail: string): string {
  return detail
    .slice(0, 4 * maxPatternLength)
    .replace(/"(?:[^"\\]|\\.)*"/g, '"…"')
    .replace(/(?<![\p{L}\p{N}])'[^']*'(?![\p{L}\p{N}])/gu, "'…'")
    .replace(/\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/gi, '<id>')
    .replace(/\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?/g, '<time>')
    .replace(/\b(?=[0-9a-f]*\d)[0-9a-f]{12,}\b/gi, '<id>')
    .replace(/[-+]?\b\d+(?:\.\d+)?(?:e[-+]?\d+)?/gi, '#')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, maxPatternLength)
}

/** By what dead letters are grouped: the same fault of the same table and schema. 24 hex digits. */
export function fingerprint(fault: {
  code: string
  table: string | null
  detail: string
  schemaVersion: number
}): string {
  const parts = [fault.code, fault.table, fault.schemaVersion, detailPattern(fault.detail)]
  return bytesToHex(sha256(utf8ToBytes(JSON.stringify(parts)))).slice(0, 24)
}
