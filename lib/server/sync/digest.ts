import { createHash } from 'node:crypto'
import { canonicalJson } from '#lib/protocol/checksum.ts'
import type { FeedChangeRow } from './store.ts'

/** A change as the log keeps it, without what its commit says of it and without its state, which the checksum covers. */
type LoggedChange = Omit<FeedChangeRow, 'final' | 'size_bytes' | 'data' | 'scope'>

/** What is known of a commit before it has its place in the feed. */
export type CommitHeader = {
  batch: string
  changes: number
  size_bytes: number
  actor_kind: string
  actor_id: string
  trace_id: string | null
}

/** What a commit adds to its scope's chain: SHA-256 over a line for the commit and one per change, in order, as hex. */
export function feedDigest(header: CommitHeader, changes: readonly LoggedChange[]): string {
  const hash = createHash('sha256')
  hash.update(
    JSON.stringify([
      header.batch,
      header.changes,
      header.size_bytes,
      header.actor_kind,
      header.actor_id,
      header.trace_id,
    ]),
  )
  hash.update('\n')
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
