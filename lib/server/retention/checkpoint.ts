import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * Where a scope's log begins: what lay at or below `seq` was compacted to the last state of each record.
 *
 * The log is verified from here as it is from 0, with what the checkpoint says in place of the empty beginning:
 * 1. the checkpoint is signed (`isSigned`), and `feed_head.min_seq` is its `seq`; a scope without one begins at 0 with
 *    the chain `sha256('holdfast feed <scope>')` and no state;
 * 2. `feed_fold_digest(scope, seq)`, computed from what the log still has, is `state` over `records` records; each live
 *    state's own checksum is that of its data;
 * 3. the commit at `seq` has `chain`; every commit after it follows without a gap, its digest is that of its changes and
 *    its chain that of `feed_link` over the one before; the last is `feed_head.chain`;
 * 4. `feed_fold(scope, head)` is the table `record`. Of a record that is gone id, version and clock count alone, because
 *    vector and author of old ones are thinned out. `created_at` may lie before the log begins.
 *
 * Changes at or below `seq` that `feed_fold` does not return are on their way out, and count for nothing.
 */
export type Checkpoint = {
  scope: string
  seq: number
  /** The chain after the commit at `seq`, hex. */
  chain: string
  /** Digest of the folded state at `seq` (`feed_fold_digest`), hex. */
  state: string
  /** How many records the state has, those that are gone included. */
  records: number
}

/** HMAC-SHA-256 (RFC 2104) over the checkpoint's members, in order, as a JSON array. */
export function signCheckpoint(checkpoint: Checkpoint, secret: string): Buffer {
  const { scope, seq, chain, state, records } = checkpoint
  const text = JSON.stringify(['holdfast checkpoint', scope, seq, chain, state, records])
  return createHmac('sha256', secret).update(text).digest()
}

/** Whether this server made the checkpoint. */
export function isSigned(checkpoint: Checkpoint, signature: Uint8Array, secret: string): boolean {
  const right = signCheckpoint(checkpoint, secret)
  return signature.length === right.length && timingSafeEqual(signature, right)
}
