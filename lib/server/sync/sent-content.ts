import type { JsonObject } from '#lib/core/json.ts'
import type { Content } from '#lib/protocol/confirm.ts'
import type { Change } from '#lib/protocol/sync.ts'

/** What the log, or an answer, says of an operation anyway. */
export type Told = Pick<Content, 'op_id' | 'table' | 'operation' | 'record_id'> & {
  /** Where it was taken. */
  scope: string
  /** Where it would have brought its record, which stayed. */
  to_scope: string | null
  /** Where it took its record from. */
  moved_from: string | null
  /** The record's version before it. */
  version: number
  /** Of its data as it was taken. */
  checksum: string
}

/**
 * What nothing else that is stored tells of an operation as it was sent: with it, the hash of its payload can be made
 * again. Most are made on the version that stands, and are taken as they come.
 * @returns null where all is told
 */
export function untold(sent: Change, told: Told): JsonObject | null {
  const plain = plainContent(told)
  const checksum = sent.first_checksum ?? sent.checksum
  const from = sent.from_scope ?? null
  const { operation, scope, base_version, base_op_id, saga } = sent
  const more: JsonObject = {}
  if (operation !== plain.operation) more['operation'] = operation
  if (scope !== plain.scope) more['scope'] = scope
  if (from !== plain.from_scope) more['from_scope'] = from
  if (base_version !== plain.base_version) more['base_version'] = base_version
  if (base_op_id) more['base_op_id'] = base_op_id
  if (checksum !== plain.checksum) more['checksum'] = checksum
  if (saga) more['saga'] = { id: saga.id, step: saga.step, steps: saga.steps }
  // Kept nowhere as they were sent: they may be as long as the text.
  if (sent.text_ops) more['text_ops'] = true
  return Object.keys(more).length > 0 ? more : null
}

/**
 * An operation as it was sent.
 * @param more what `untold` made of it
 * @returns null where that cannot be told
 */
export function sentContent(told: Told, more: JsonObject | null): Content | null {
  return more?.['text_ops'] === undefined ? { ...plainContent(told), ...more } : null
}

function plainContent(told: Told) {
  const { op_id, table, operation, record_id, checksum, scope, to_scope, moved_from, version } = told
  return {
    ...{ op_id, table, operation, record_id, checksum },
    scope: to_scope ?? scope,
    from_scope: moved_from ?? (to_scope === null ? null : scope),
    base_version: operation === 'CREATE' ? 0 : version,
  }
}
