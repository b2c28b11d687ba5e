import { isJsonObject, type Json, type JsonObject } from '#lib/core/json.ts'
import type { Content } from '#lib/protocol/confirm.ts'
import { recordChecksum } from '#lib/protocol/checksum.ts'
import { contentHash, readChanges, sha256Hex, unreadableHash } from '../sync/read-changes.ts'
import { sentContent } from '../sync/sent-content.ts'
import type { StoredPayload } from './payloads-store.ts'

/**
 * Whether a payload's hash is that of what was sent: the change itself where it is kept, else what the log and the answer
 * keep of it.
 * @returns null where it is not that of the plainest operation, and nothing is kept of another: an answer of a version
 * that kept nothing, or another hash
 */
export function isPayloadRight(answer: StoredPayload): boolean | null {
  if (answer.letter) {
    const raw = parse(answer.letter.change)
    return isHashOf(raw, answer) && (answer.table === null || standsRight(answer, raw as Content))
  }
  const { op_id, table, record_id, scope, version, logged } = answer
  const checksum = checksumOf(answer)
  if (table === null || record_id === null || scope === null || version === null || checksum === null)
    return null
  const told = logged
    ? { ...logged, version: logged.before_version }
    : { scope, to_scope: null, moved_from: null, version, operation: 'UPDATE' as const }
  const sent = logged ? logged.sent : (keptOf(answer.pushed)?.sent ?? null)
  const content = sentContent({ ...told, op_id, table, record_id, checksum }, sent)
  if (!content) return true
  if (contentHash(content) === answer.hash) return standsRight(answer, content)
  return sent ? false : null
}

/**
 * Whether a payload's hash is that of the change as it was sent. What could be read when it was answered need not pass
 * the rules of today.
 * @param answer.table null where nobody could read it
 */
export function isHashOf(raw: Json, { hash, table }: { hash: string; table: string | null }): boolean {
  if (readChanges([raw])[0]?.hash === hash) return true
  if (table !== null) return isJsonObject(raw) && contentHash(raw as Content) === hash
  // Earlier versions made it of what each sending says anew as well.
  return unreadableHash(raw) === hash || sha256Hex(JSON.stringify(raw)) === hash
}

/** What lost, and was made on a version, stands on that one, or on none where a restored server could not believe it. */
export function standsRight(
  { kind, logged, stands_on: standsOn }: Pick<StoredPayload, 'kind' | 'logged' | 'stands_on'>,
  made: Pick<Content, 'base_op_id' | 'base_version'>,
): boolean {
  const hasLost = kind === 'conflict' || logged?.outcome === 'superseded'
  return !hasLost || made.base_op_id != null || standsOn === null || standsOn === made.base_version
}

/** The checksum of the data as it was taken; null where nothing tells. */
export function checksumOf({ pushed, answer }: StoredPayload): string | null {
  if (pushed !== null) return recordChecksum(keptOf(pushed)?.data ?? null, sha256Hex)
  const told = answer === null ? null : parse(answer)
  return isJsonObject(told) && typeof told['checksum'] === 'string' ? told['checksum'] : null
}

/** What is kept of what was pushed; undefined where it is not of the shape. */
export function keptOf(pushed: string | null): { data: Json; sent: JsonObject | null } | undefined {
  if (pushed === null) return { data: null, sent: null }
  const kept = parse(pushed)
  if (!isJsonObject(kept)) return undefined
  const { data, sent = null, bridge: _bridge, ...others } = kept
  const isOfShape = Object.keys(others).length === 0 && (sent === null || isJsonObject(sent))
  return isOfShape && data !== undefined ? { data, sent } : undefined
}

export function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return null
  }
}
