import { createHash } from 'node:crypto'
import { canonicalJson } from '#lib/protocol/checksum.ts'
import type { FeedChangeRow } from './store.ts'

/**
 * What a batch adds to its scope's chain: SHA-256 over one line per change, in order. The state itself is covered by its
 * checksum.
 */
export function feedDigest(changes: readonly FeedChangeRow[]): string {
  const hash = createHash('sha256')
  for (const change of changes) {
    hash.update(
      JSON.stringify([
        change.ordinal,
        change.table,
        change.record_id,
        change.operation,
        change.effect,
        change.op_id,
        change.seq,
        change.outcome,
        change.before_version,
        change.after_version,
        change.checksum,
        change.hlc,
        canonicalJson(change.vector),
        canonicalJson(change.rule),
        change.lost === null ? null : canonicalJson(change.lost),
        change.conflict_id,
        change.dead_letter_id,
        change.device_id,
      ]),
    )
    hash.update('\n')
  }
  return hash.digest('hex')
}
