import { z } from 'zod'
import type { JsonObject } from '#lib/core/json.ts'
import { outcomes, priorities, resyncReasons } from '#lib/protocol/sync.ts'

/**
 * The server's replies, checked as a device must: what it relies on has to be there, what it does
 * not know is ignored. A reply that fails here was truncated or mangled on the way.
 */
const data = z.custom<JsonObject>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
)
const nullableData = z
  .union([data, z.null()])
  .optional()
  .transform((value) => value ?? null)
const version = z.int().min(0)

const accepted = z.object({
  op_id: z.string(),
  record_id: z.string(),
  version,
  outcome: z.enum(outcomes),
  data: nullableData,
  checksum: z.string(),
  /** Where the record moved to, and took the operation along. */
  scope: z.string().optional(),
})

const conflicted = z.object({
  op_id: z.string(),
  record_id: z.string(),
  conflict_id: z.string().nullable(),
  code: z.enum(['manual', 'stale_version']),
  fields: z.array(z.string()),
  server_version: version,
  server_data: nullableData,
  base_data: nullableData,
  scope: z.string().optional(),
})

const rejected = z.object({
  op_id: z.string().nullable(),
  index: z.int().optional(),
  /** A code this library does not know is treated by its `retryable` alone. */
  code: z.string(),
  detail: z.string().default(''),
  retryable: z.boolean(),
  dead_letter_id: z.string().optional(),
  server_time: z.string().optional(),
  errors: z.array(z.object({ pointer: z.string() })).default([]),
})

const serverChange = z.object({
  scope: z.string(),
  table: z.string(),
  record_id: z.string(),
  operation: z.enum(['UPSERT', 'DELETE', 'LEAVE']),
  version,
  data: nullableData,
  checksum: z.string().nullish(),
  hlc: z.string().nullish(),
  conflict_id: z.string().nullish(),
})

export const syncReplySchema = z.object({
  /** null where a full sync is asked of a device that never had one. */
  sync_token: z.string().nullable(),
  epoch: z.string(),
  server_time: z.string(),
  accepted: z.array(accepted),
  conflicts: z.array(conflicted),
  rejected: z.array(rejected),
  server_changes: z.array(serverChange),
  has_more: z.boolean(),
  lamport: z.int().min(0).optional().catch(undefined),
  /** What this device is granted now; a server of before does not say. */
  scopes: z.array(z.string()).optional(),
  /** Operations whose answer is given again, and of which the token that was sent knows more. */
  covered: z.array(z.string()).default([]),
  /** What was taken of operations whose registers were stamped anew since. */
  restated: z.array(z.object({ op_id: z.string(), data })).default([]),
  /** How many answers are given again; a server of before does not say. */
  repeated: z.int().min(0).optional(),
  /** Of the operations that were asked about, those that it did not answer so; a server of before does not say. */
  unconfirmed: z.array(z.string()).optional(),
  /** Conflicts whose answer is given again, and that are settled by now. */
  settled: z.array(z.string()).default([]),
  /** With records that leave a scope which was revoked: this device's conflicts that are not settled yet. */
  open_conflicts: z.array(z.string()).optional(),
  resync: z.object({ reason: z.enum(resyncReasons) }).nullable(),
  retry_after_ms: z.number().min(0).default(0),
})

export const snapshotReplySchema = z.object({
  items: z.array(
    z.object({
      scope: z.string(),
      table: z.string(),
      record_id: z.string(),
      version,
      data,
      checksum: z.string(),
      hlc: z.string().nullish(),
    }),
  ),
  next_cursor: z.string().nullable(),
  sync_token: z.string().optional(),
  /** With the last page: this device's conflicts that are not settled yet. */
  open_conflicts: z.array(z.string()).optional(),
  epoch: z.string().optional(),
})

export const enrollReplySchema = z.object({
  device_token: z.string().min(1),
  scopes: z.array(z.string()),
  epoch: z.string(),
  limits: z.object({
    chunk_changes: z.int().min(1),
    chunk_bytes: z.int().min(1),
    max_record_bytes: z.int().min(1),
  }),
  tables: z.array(
    z.object({
      name: z.string(),
      strategy: z.string(),
      priority: z.enum(priorities),
      schema_version: z.int(),
    }),
  ),
})

export const problemSchema = z.object({
  code: z.string(),
  detail: z.string().default(''),
  retry_after_ms: z.number().min(0).optional(),
  expected_seq: z.int().optional(),
})

export type ReadSyncReply = z.output<typeof syncReplySchema>
export type ReadServerChange = ReadSyncReply['server_changes'][number]
export type ReadRejected = ReadSyncReply['rejected'][number]
export type ReadSnapshotReply = z.output<typeof snapshotReplySchema>
