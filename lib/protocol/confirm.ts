import type { Sha256Hex } from './checksum.ts'
import type { Accepted, ChangeInput, Conflicted, Rejected } from './sync.ts'

/** What an operation does. */
export type Content = Pick<
  ChangeInput,
  | 'op_id'
  | 'table'
  | 'operation'
  | 'record_id'
  | 'scope'
  | 'base_version'
  | 'checksum'
  | 'first_checksum'
  | 'from_scope'
  | 'base_op_id'
  | 'text_ops'
  | 'saga'
>

/**
 * SHA-256 of what an operation does: two sendings of one operation have the same. The clock and the trace are left out: a
 * device may restamp what it sends again. The data counts by the checksum the device gave it: what was damaged on its way
 * the second time is still the same operation. So is what has a register that was stamped anew: by the checksum it had
 * before, since a copy that a network kept may be taken first.
 */
export function contentHash(change: Content, sha256Hex: Sha256Hex): string {
  const { saga } = change
  return sha256Hex(
    JSON.stringify([
      change.op_id,
      change.table,
      change.operation,
      change.record_id,
      change.scope ?? 'default',
      change.from_scope ?? null,
      change.base_version,
      change.base_op_id ?? null,
      change.first_checksum ?? change.checksum,
      change.text_ops ?? null,
      saga ? { id: saga.id, step: saga.step, steps: saga.steps } : null,
    ]),
  )
}

/** What an answer for good comes to. */
export type AnswerFacts = {
  kind: 'accepted' | 'conflict' | 'rejected'
  /** The outcome, the conflict's code, or why it was refused. */
  code: string
  /** The record's version after it; null for a refusal. */
  version: number | null
  /** The conflict or dead letter. */
  ref: string | null
}

/** The entry of an answer, as the reply carries it. */
export type AnswerEntry =
  | ({ kind: 'accepted' } & Accepted)
  | ({ kind: 'conflict' } & Conflicted)
  | ({ kind: 'rejected' } & Rejected)

export function answerFacts(entry: AnswerEntry): AnswerFacts {
  switch (entry.kind) {
    case 'accepted':
      return { kind: entry.kind, code: entry.outcome, version: entry.version, ref: null }
    case 'conflict':
      return { kind: entry.kind, code: entry.code, version: entry.server_version, ref: entry.conflict_id }
    case 'rejected':
      return { kind: entry.kind, code: entry.code, version: null, ref: entry.dead_letter_id ?? null }
  }
}

/** By which device and server tell whether they know one operation as the same, answered the same: 32 hex digits. */
export function answerDigest(
  contentHash: string,
  { kind, code, version, ref }: AnswerFacts,
  sha256Hex: Sha256Hex,
): string {
  return sha256Hex(JSON.stringify([contentHash, kind, code, version, ref])).slice(0, 32)
}
