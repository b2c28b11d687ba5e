import { fingerprint } from '#lib/core/fingerprint.ts'
import type { Refusal } from '#lib/core/decide.ts'
import { isJsonObject } from '#lib/core/json.ts'
import { maxInteger, uuid } from '#lib/protocol/sync.ts'
import { sha256Hex } from './read-changes.ts'
import { contentText, sentText } from './sent-text.ts'
import type { DeadLetterRow } from './store.ts'

/**
 * The dead letter of a change. Its id follows from device and content: the same broken change sent again is the same
 * dead letter, and can be named in the answer before it is written. So it is in another life of the device or under
 * another stamp: what was refused, forgotten and sent again is replayed once.
 */
export function deadLetterRow(options: {
  source: 'server' | 'device'
  deviceId: string | null
  incarnation: string | null
  seq: number | null
  opId: string | null
  raw: unknown
  refusal: Refusal
  schemaVersion: number
  attempts: number
}): DeadLetterRow {
  const { refusal, raw, deviceId, schemaVersion } = options
  const change = sentText(raw)
  const hash = sha256Hex(`${options.source}\n${deviceId}\n${options.opId}\n${contentText(raw)}`)
  const fields = isJsonObject(raw) ? raw : {}
  const table = readText(fields['table'])
  return {
    id: uuidFromHash(hash),
    source: options.source,
    device_id: deviceId,
    incarnation: options.incarnation,
    seq: options.seq,
    op_id: options.opId,
    // The device's own word where it gave the operation up.
    code: storable(refusal.code),
    detail: storable(refusal.detail),
    pointers: (refusal.errors ?? []).map(({ pointer }) => storable(pointer)),
    scope: readText(fields['scope']) ?? 'default',
    table,
    record_id: uuid.safeParse(fields['record_id']).data ?? null,
    fingerprint: fingerprint({ code: refusal.code, table, detail: refusal.detail, schemaVersion }),
    schema_version: schemaVersion,
    change,
    change_hash: hash,
    attempts: Math.min(options.attempts, maxInteger),
  }
}

function readText(value: unknown): string | null {
  return typeof value === 'string' ? storable(value.slice(0, 200)) : null
}

/** Postgres text takes neither NUL nor half a surrogate pair. */
function storable(text: string): string {
  return text.replaceAll('\0', '\u{FFFD}').toWellFormed()
}

/** An RFC 9562 version 8 UUID made of the first 122 bits of a hash. */
function uuidFromHash(hex: string): string {
  const variant = ((parseInt(hex[16]!, 16) & 0x3) | 0x8).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
