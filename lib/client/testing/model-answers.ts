import { createHash } from 'node:crypto'
import type { Json, JsonObject } from '#lib/core/json.ts'
import { canonicalJson, recordChecksum } from '#lib/protocol/checksum.ts'
import type { Change, ServerChange } from '#lib/protocol/sync.ts'

export const sha256Hex = (text: string) => createHash('sha256').update(text).digest('hex')

/** A record as the model server has it. */
export interface Row {
  version: number
  data: JsonObject | null
  hlc: string
  writer: string
}

/** An answer, kept so that it is given again. */
export type Reply = { kind: 'accepted' | 'conflicts' | 'rejected'; value: Record<string, Json | undefined> }

/** What a device sent in one life. */
export interface Stream {
  lastSeq: number
  holes: Map<number, number>
  /** Content and answer of every seq that was answered for good. */
  answered: Map<number, { content: string; reply: Reply }>
}

/** What makes an operation the same when it comes again. */
export function content(each: Change): string {
  const { op_id, operation, table, record_id, scope, from_scope, base_version, base_op_id } = each
  const place = [scope, from_scope ?? null, base_version, base_op_id ?? null]
  const checksum = each.first_checksum ?? each.checksum
  return canonicalJson({ op_id, operation, table, record_id, checksum, place })
}

/** The name of a refusal's dead letter follows from what was refused, as in the product: a copy's has another. */
export function letterId(each: Change): string {
  const hex = sha256Hex(content(each))
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

export function change(
  operation: ServerChange['operation'],
  to: { scope: string; table: string; record_id: string },
  { version, data, hlc }: Row,
  conflictId: string | null,
): ServerChange {
  return {
    scope: to.scope,
    seq: 0,
    table: to.table,
    record_id: to.record_id,
    operation,
    version,
    data,
    checksum: recordChecksum(data, sha256Hex),
    hlc,
    by: { kind: 'device', id: 'x' },
    conflict_id: conflictId,
  }
}

export function acceptance(each: Change, outcome: string, row: Row, data: JsonObject | null): Reply {
  const checksum = recordChecksum(data ?? row.data, sha256Hex)
  const { op_id, record_id } = each
  return { kind: 'accepted', value: { op_id, record_id, version: row.version, outcome, data, checksum } }
}

export function rejection(
  each: Change,
  code: string,
  retryable: boolean,
  extra: Record<string, Json>,
): Reply {
  return {
    kind: 'rejected',
    value: { op_id: each.op_id, code, detail: `refused: ${code}`, retryable, ...extra },
  }
}

/** Whether a row is the state that an edit says it was made on. */
export function isState(row: Row, baseChecksum: string | undefined): boolean {
  return baseChecksum === undefined || recordChecksum(row.data, sha256Hex) === baseChecksum
}

export function rowKey(scope: string, table: string, id: string): string {
  return JSON.stringify([scope, table, id])
}
