import { createHash, hash } from 'node:crypto'
import { canonicalJson } from '#lib/protocol/checksum.ts'
import type { FeedChangeRow } from './store.ts'

/** A change as the log keeps it, without what its commit says of it and without its state, which the checksum covers. */
export type LoggedChange = Omit<FeedChangeRow, 'final' | 'size_bytes' | 'data' | 'scope'>

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
  const { batch, changes: count, size_bytes, actor_kind, actor_id, trace_id } = header
  const first = JSON.stringify([batch, count, size_bytes, actor_kind, actor_id, trace_id])
  // In one call: one for each line costs more than the hashing.
  return hash('sha256', `${[first, ...changes.map(lineOf)].join('\n')}\n`)
}

function lineOf(change: LoggedChange): string {
  return JSON.stringify([
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
  ])
}

/** The chain of a scope before its first commit; `push_commit` starts with the same. */
export function feedOrigin(scope: string): Buffer {
  return createHash('sha256').update(`holdfast feed ${scope}`).digest()
}

const postgresEpochMillis = Date.UTC(2000, 0, 1)

/** The chain after a commit, as the SQL function `feed_link` computes it. */
export function feedLink(
  chain: Uint8Array,
  commit: { digest: Uint8Array; position: bigint; committedAt: Date },
): Buffer {
  const place = Buffer.alloc(16)
  place.writeBigInt64BE(commit.position, 0)
  place.writeBigInt64BE(BigInt(commit.committedAt.getTime() - postgresEpochMillis) * 1_000n, 8)
  return createHash('sha256').update(chain).update(commit.digest).update(place).digest()
}
