import { z } from 'zod'
import type { Sha256Hex } from './checksum.ts'
import { resyncReasons, type ResyncReason } from './sync.ts'

/** One live record, as a digest sees it. */
export type DigestLine = { record_id: string; version: number; checksum: string }

/** The bucket of a record: the first byte of SHA-256(record_id), as two hex digits. */
export function bucketOf(recordId: string, sha256Hex: Sha256Hex): string {
  return sha256Hex(recordId).slice(0, 2)
}

/**
 * The hash of a bucket: SHA-256 over its records' lines `record_id:version:checksum`, sorted, with a line feed between
 * two of them. An empty bucket has no hash: it is left out.
 */
export function bucketHash(lines: readonly DigestLine[], sha256Hex: Sha256Hex): string {
  const sorted = lines.map((line) => `${line.record_id}:${line.version}:${line.checksum}`).toSorted()
  return sha256Hex(sorted.join('\n'))
}

const table = z.string().min(1).max(200)
const bucket = z.string().regex(/^[0-9a-f]{2}$/, 'must be two lower-case hex digits')
const hash = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in lower-case hex')

/**
 * What a device has of one scope, bucket by bucket.
 * `sync_token`: the state that was hashed is the one at this token; without it the server compares with its newest.
 * `tables`: compare these alone; without it every table of the scope, those that the device does not name too.
 */
export const digestRequestSchema = z.object({
  scope: z.string().min(1).max(200).default('default'),
  sync_token: z.string().max(65_536).nullish(),
  tables: z.array(table).max(1_000).optional(),
  buckets: z.record(table, z.record(bucket, hash)),
})
export type DigestRequest = z.output<typeof digestRequestSchema>

export const digestReplySchema = z.object({
  scope: z.string(),
  epoch: z.string(),
  /** The feed's position in the scope at which the server's side was computed. */
  seq: z.int(),
  /** The buckets that differ: the ids and versions of the server's live records in them, `{}` where it has none. */
  buckets: z.record(z.string(), z.record(z.string(), z.record(z.string(), z.int()))),
  /** More buckets differ than one reply holds: repair these, then ask again. */
  has_more: z.boolean(),
  /** The token is of no use for a comparison: a full sync is due, for the same reasons as in a sync. */
  resync: z.object({ reason: z.enum(resyncReasons) }).nullable(),
})
export type DigestReply = Omit<z.output<typeof digestReplySchema>, 'resync'> & {
  resync: { reason: ResyncReason } | null
}
