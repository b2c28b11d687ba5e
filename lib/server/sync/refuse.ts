import type { Base, Refusal } from '#lib/core/decide.ts'
import { rejectionCodes, type Rejected, type RejectionCode } from '#lib/protocol/sync.ts'
import { answer, answerForGood, type Batch } from './batch.ts'
import { deadLetterRow } from './dead-letter-row.ts'
import type { ReadChange } from './read-changes.ts'

/** A retryable operation that failed this often is dead-lettered. */
const maxAttempts = 5

/**
 * Refuses an operation for now (a hole, to be repaired) or for good (a dead letter).
 * @param seq null: the operation takes no place in the stream
 */
export function refuse(
  batch: Batch,
  read: ReadChange,
  refusal: Refusal<RejectionCode>,
  { seq, base }: { seq: number | null; base?: Base },
): void {
  const { opId, change } = read
  const { code, detail } = refusal
  // Waiting for another operation is no attempt of its own.
  const attempts = (seq === null ? 0 : batch.holes.attempts(seq)) + (code === 'dependency_pending' ? 0 : 1)
  const { retryable } = rejectionCodes[code]
  const entry: Rejected = { op_id: opId, code, detail, retryable }
  if (opId === null) entry.index = read.index
  if (refusal.errors) entry.errors = refusal.errors

  if (retryable && seq !== null && change && attempts < maxAttempts) {
    if (code === 'clock_skew') entry.server_time = new Date(batch.context.nowMillis).toISOString()
    const { table, scope, record_id, saga } = change
    batch.holes.open(seq, { op_id: opId, table, scope, record_id, saga_id: saga?.id ?? null, code, attempts })
    answer(batch, read, 'rejected', JSON.stringify(entry), { code })
    return
  }
  const final: Refusal<RejectionCode> = retryable
    ? { code: 'retries_exceeded', detail: `${code} ${attempts} times. Last: ${detail}` }
    : refusal
  const { deviceId, incarnation } = batch.context
  const schemaVersion = read.schemaVersion ?? batch.context.schemaVersion
  const row = deadLetterRow({
    ...{ source: 'server', deviceId, incarnation, seq, opId, raw: read.raw },
    ...{ refusal: final, schemaVersion, attempts },
  })
  batch.deadLetters.set(row.id, row)
  batch.sagas.failed(read, { code: final.code, seq: opId === null ? null : seq, deadLetterId: row.id })
  const given = { ...entry, code: final.code, detail: final.detail, retryable: false, dead_letter_id: row.id }
  const text = JSON.stringify(given)
  const facts = { code: final.code }
  if (seq === null || opId === null) return answer(batch, read, 'rejected', text, facts)
  batch.holes.close(seq)
  const standsOn = base ? base.standsOn : (change?.base_version ?? null)
  const pushed = change && { data: change.data ?? null, version: null, standsOn }
  answerForGood(batch, { read, seq, opId }, { kind: 'rejected', text, facts }, pushed)
}
