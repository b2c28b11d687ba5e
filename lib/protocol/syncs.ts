import { z } from 'zod'
import { instant } from './instant.ts'
import { uuid } from './sync.ts'

/** What `GET /api/v1/syncs` and `/syncs/{id}` answer. */

const at = z.iso.datetime()

export const syncOutcomes = ['ok', 'partial', 'failed'] as const

export const syncsQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().max(4_000).optional(),
  /** Newest first unless said otherwise. */
  sort: z.enum(['-started_at', 'started_at']).default('-started_at'),
  device: uuid.optional(),
  outcome: z.enum(syncOutcomes).optional(),
  scope: z.string().max(200).optional(),
  table: z.string().max(200).optional(),
  error_code: z.string().max(100).optional(),
  app_version: z.string().max(100).optional(),
  sync_id: uuid.optional(),
  trace_id: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .optional(),
  /** Inclusive. */
  from: instant.optional(),
  /** Exclusive. */
  to: instant.optional(),
})
export type SyncsQuery = z.output<typeof syncsQuerySchema>

export const syncItemSchema = z.object({
  id: uuid,
  started_at: at,
  /** The device's own id of the sync; its requests share it. */
  sync_id: uuid.nullable(),
  device_id: uuid,
  device_name: z.string().nullable(),
  duration_ms: z.number(),
  status: z.int(),
  /** partial: answered, but some changes were rejected or are in conflict. */
  outcome: z.enum(syncOutcomes),
  error_code: z.string().nullable(),
  pushed: z.int(),
  applied: z.int(),
  merged: z.int(),
  superseded: z.int(),
  no_change: z.int(),
  conflicts: z.int(),
  rejected: z.int(),
  replayed: z.int(),
  pulled: z.int(),
  resync: z.string().nullable(),
  request_bytes: z.int(),
  response_bytes: z.int(),
  scopes: z.array(z.string()),
  app_version: z.string(),
  lag_seconds: z.number().nullable(),
  trace_id: z.string().nullable(),
})
export type SyncItem = z.output<typeof syncItemSchema>

export const syncSpanSchema = z.object({
  id: z.string(),
  parent_id: z.string().nullable(),
  name: z.string(),
  /** Milliseconds after the sync began; of another request of the same sync it may be negative. */
  offset_ms: z.number(),
  duration_ms: z.number(),
  failed: z.boolean(),
  attributes: z.record(z.string(), z.json()),
})
export type SyncSpan = z.output<typeof syncSpanSchema>

/** One change that the sync wrote or tried to write, in the order of the log. */
export const syncTouchSchema = z.object({
  at,
  scope: z.string(),
  table: z.string(),
  record_id: uuid,
  operation: z.string(),
  effect: z.string(),
  outcome: z.string(),
  before_version: z.int(),
  after_version: z.int(),
  conflict_id: uuid.nullable(),
  dead_letter_id: uuid.nullable(),
})
export type SyncTouch = z.output<typeof syncTouchSchema>

export const syncDetailSchema = syncItemSchema.extend({
  incarnation: uuid.nullable(),
  tables: z.record(
    z.string(),
    z.object({ pushed: z.int(), conflicts: z.int(), rejected: z.int(), strategy: z.string() }),
  ),
  /** Of its trace, in order of their beginning; empty where the trace was not kept. */
  spans: z.array(syncSpanSchema),
  /** What it touched, in order. At most 1,000. */
  touched: z.array(syncTouchSchema),
  /** The other requests of the same sync, oldest first. */
  siblings: z.array(
    z.object({ id: uuid, started_at: at, outcome: z.enum(syncOutcomes), duration_ms: z.number() }),
  ),
})
export type SyncDetail = z.output<typeof syncDetailSchema>
