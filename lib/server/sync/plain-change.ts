import { isJsonObject } from '#lib/core/json.ts'
import { maxInteger, operations, priorities, type Change } from '#lib/protocol/sync.ts'

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const hlcPattern = /^[0-9a-f]{12}-[0-9a-f]{4}-[0-9a-f]{16}$/
const maxTextLength = 200

/**
 * A change of the common kind, as `changeSchema` would read it at several times the cost: it neither moves nor is a step
 * of a saga, tells no edits of texts, was not stamped anew, and holds nothing that was refused.
 * @returns null for anything else, right or wrong: the schema knows, and it alone refuses
 */
export function plainChange(raw: unknown): Change | null {
  if (!isJsonObject(raw)) return null
  const { op_id, seq, table, operation, record_id, scope = 'default', base_version, base_op_id } = raw
  const { base_checksum, data, hlc, vector, checksum, priority = 'normal', saga, traceparent } = raw
  if (
    isAbsent(raw['from_scope'] ?? raw['text_ops'] ?? raw['first_checksum'] ?? raw['contains']) &&
    isAbsent(saga) &&
    isUuid(op_id) &&
    isWithin(seq, 1, Number.MAX_SAFE_INTEGER) &&
    isName(table) &&
    isOneOf(operations, operation) &&
    isUuid(record_id) &&
    isName(scope) &&
    isWithin(base_version, 0, operation === 'CREATE' ? 0 : maxInteger) &&
    (isAbsent(base_op_id) || isUuid(base_op_id)) &&
    (isAbsent(base_checksum) || isText(base_checksum)) &&
    (isAbsent(data) || isJsonObject(data)) &&
    isAbsent(data) === (operation === 'DELETE') &&
    isText(hlc) &&
    hlcPattern.test(hlc) &&
    (isAbsent(vector) || isVector(vector)) &&
    isText(checksum) &&
    isOneOf(priorities, priority) &&
    (isAbsent(traceparent) || isText(traceparent))
  ) {
    // Every member by name, so that none the schema gets later is lost on this way.
    const change: { [Member in keyof Required<Change>]: Change[Member] } = {
      op_id,
      seq,
      table,
      operation,
      record_id,
      scope,
      from_scope: undefined,
      base_version,
      base_op_id,
      contains: undefined,
      base_checksum: base_checksum ?? undefined,
      data,
      text_ops: undefined,
      hlc,
      vector: vector ?? undefined,
      checksum,
      first_checksum: undefined,
      priority,
      saga,
      traceparent: traceparent ?? undefined,
    }
    return change
  }
  return null
}

function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null
}

function isUuid(value: unknown): value is string {
  return typeof value === 'string' && uuidPattern.test(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= maxTextLength
}

function isName(value: unknown): value is string {
  return isText(value) && value !== ''
}

function isWithin(value: unknown, least: number, most: number): value is number {
  return Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most
}

function isOneOf<Word extends string>(words: readonly Word[], value: unknown): value is Word {
  return words.some((word) => word === value)
}

function isVector(value: unknown): value is Record<string, number> {
  if (!isJsonObject(value)) return false
  for (const id of Object.keys(value)) {
    if (!isUuid(id) || !isWithin(value[id], 0, Number.MAX_SAFE_INTEGER)) return false
  }
  return true
}
