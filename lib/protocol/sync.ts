import { z } from 'zod'
import type { JsonObject } from '#lib/core/json.ts'

/** What a client should send at once, and what the server refuses beyond. Told at enrolment. */
export const limits = {
  chunk_changes: 100,
  chunk_bytes: 5_242_880,
  max_changes: 1_000,
  max_body_bytes: 16_777_216,
  max_record_bytes: 1_048_576,
  max_pull: 5_000,
} as const

export const protocolVersion = 1

/** Lower-case UUID of any version. */
export const uuid = z
  .string()
  .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, 'must be a lower-case UUID')

export const operations = ['CREATE', 'UPDATE', 'DELETE'] as const
export type Operation = (typeof operations)[number]

export const priorities = ['critical', 'normal', 'bulk'] as const
export type Priority = (typeof priorities)[number]

const name = z.string().min(1).max(200)
/** What a Postgres integer holds. */
export const maxInteger = 2_147_483_647
const version = z.int().min(0).max(maxInteger)
const seq = z.int().min(1)
export const hlcText = z
  .string()
  .regex(/^[0-9a-f]{12}-[0-9a-f]{4}-[0-9a-f]{16}$/, 'must be 12-4-16 hex digits')
const jsonObject = z.custom<JsonObject>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'must be an object',
)

/** As many steps as fit into one request, so that the whole can be sent again in one. */
const sagaStep = z.int().min(1).max(limits.max_changes)

/** An optional member; null says the same as leaving it out. */
function absent<Schema extends z.ZodType>(schema: Schema) {
  return schema.nullish().transform((value) => value ?? undefined)
}

/** One queued operation of a device. */
export const changeSchema = z
  .object({
    op_id: uuid,
    seq,
    table: name,
    operation: z.enum(operations),
    record_id: uuid,
    scope: name.default('default'),
    from_scope: absent(name),
    base_version: version,
    base_op_id: uuid.nullish(),
    // Operations of this device that were refused, and whose edits this one holds: it sends them again. Their dead letters
    // are closed by it, and what somebody replayed of them is not done twice.
    contains: absent(z.array(uuid).max(100)),
    // Checksum of the state at base_version. It proves that the version means the same here: after a restore of the server
    // the number alone does not.
    base_checksum: absent(z.string().max(200)),
    data: jsonObject.nullish(),
    text_ops: absent(z.record(z.string(), z.array(jsonObject))),
    hlc: hlcText,
    vector: absent(z.record(uuid, z.int().min(0))),
    // Not checked for its form: a damaged checksum is damage, to be sent again.
    checksum: z.string().max(200),
    // Checksum of the data as it was made, where a register in it had to be stamped anew since: it is the same operation.
    first_checksum: absent(z.string().max(200)),
    priority: z.enum(priorities).default('normal'),
    saga: z.object({ id: uuid, step: sagaStep, steps: sagaStep }).nullish(),
    traceparent: absent(z.string().max(200)),
  })
  .refine((change) => change.operation === 'DELETE' || isObject(change.data), {
    path: ['data'],
    message: 'is required for CREATE and UPDATE',
  })
  .refine((change) => change.operation !== 'DELETE' || change.data == null, {
    path: ['data'],
    message: 'must be absent for DELETE',
  })
  .refine((change) => change.operation !== 'CREATE' || change.base_version === 0, {
    path: ['base_version'],
    message: 'must be 0 for CREATE',
  })
  .refine(({ operation, scope, from_scope: from = scope }) => operation !== 'CREATE' || from === scope, {
    path: ['from_scope'],
    message: 'must be absent for CREATE: what is created comes from nowhere',
  })

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

export type Change = z.output<typeof changeSchema>
export type ChangeInput = z.input<typeof changeSchema>

/** A count a device tells; the sum of three is still a Postgres integer. */
const count = z.int().min(0).max(500_000_000)

const bounded = (max: number) =>
  z
    .string()
    .max(max)
    .catch(({ value }) => (typeof value === 'string' ? value : (JSON.stringify(value) ?? '')).slice(0, max))

export const reportedDeadLetterSchema = z.object({
  op_id: uuid,
  table: z.string().max(200).optional(),
  record_id: uuid.optional(),
  code: z.string().max(100),
  attempts: z.int().min(0).optional(),
  detail: bounded(2_000).optional(),
  change: z.unknown().optional(),
})

export const deviceStates = [
  'IDLE',
  'CHECKING',
  'PUSHING',
  'RESOLVING',
  'RETRYING',
  'FAILED',
  'COMPLETE',
] as const

export const breakerStates = ['closed', 'open', 'half_open'] as const

/** More than this in a list of `status` is dropped, oldest first, and counted. */
export const statusListLimit = 100

export const statusSchema = z.object({
  state: z.enum(deviceStates),
  pending: count,
  pending_by_priority: z.object({ critical: count, normal: count, bulk: count }).optional(),
  oldest_pending_at: z.iso.datetime({ offset: true }).nullish(),
  retries: count.optional(),
  breaker: z.enum(breakerStates).optional(),
  storage_bytes: z.int().min(0).optional(),
  transitions: z
    .array(
      z.object({
        at: z.iso.datetime({ offset: true }),
        from: z.string().max(50),
        to: z.string().max(50),
        reason: bounded(200).optional(),
      }),
    )
    .optional(),
  errors: z
    .array(
      z.object({
        at: z.iso.datetime({ offset: true }),
        code: z.string().max(100),
        detail: bounded(2_000).optional(),
      }),
    )
    .optional(),
})
export type DeviceStatus = z.output<typeof statusSchema>

/** The envelope. Changes are read one by one (`changeSchema`), so that a malformed one is rejected alone. */
export const syncRequestSchema = z.object({
  protocol: z.int().default(protocolVersion),
  device_id: uuid,
  incarnation: uuid.optional(),
  sync_id: uuid.optional(),
  last_sync_token: z.string().max(65_536).nullish(),
  device_time: z.iso.datetime({ offset: true }).optional(),
  schema_version: z.int().min(1).max(maxInteger).default(1),
  /** By table, where a table's number is not the app's. */
  schema_versions: z.record(name, z.int().min(1).max(maxInteger)).default({}),
  changes: z.array(z.unknown()).max(limits.max_changes).default([]),
  dead_letters: z.array(z.unknown()).max(limits.max_changes).default([]),
  status: statusSchema.optional(),
  /**
   * Operations of which the device has the answer, for this server to say which of them it does not know so: it may have
   * been restored from a backup. `digest`: `answerDigest` of confirm.ts. `dead_letter_id`: where that is the answer.
   */
  confirm: z
    .array(
      z.object({
        op_id: uuid,
        incarnation: uuid,
        seq,
        digest: z.string().max(64),
        dead_letter_id: absent(uuid),
      }),
    )
    .max(limits.max_changes)
    .default([]),
  /** The device's Lamport clock; what happens to the request is after it. */
  lamport: z.int().min(0).optional().catch(undefined),
  pull: z.object({ limit: z.int().min(0).optional() }).optional(),
})
export type SyncRequest = z.output<typeof syncRequestSchema>
export type SyncRequestInput = z.input<typeof syncRequestSchema>

export const outcomes = ['applied', 'merged', 'superseded', 'no_change'] as const
export type Outcome = (typeof outcomes)[number]

export const rejectionCodes = {
  checksum_mismatch: { retryable: true },
  clock_skew: { retryable: true },
  throttled: { retryable: true },
  dependency_pending: { retryable: true },
  schema_mismatch: { retryable: false },
  schema_version_unsupported: { retryable: false },
  business_rule: { retryable: false },
  unknown_table: { retryable: false },
  unknown_base: { retryable: false },
  scope_forbidden: { retryable: false },
  record_too_large: { retryable: false },
  invalid_change: { retryable: false },
  saga_aborted: { retryable: false },
  retries_exceeded: { retryable: false },
  answer_expired: { retryable: false },
} as const
export type RejectionCode = keyof typeof rejectionCodes

export type ConflictCode = 'manual' | 'stale_version'

export type Accepted = {
  op_id: string
  record_id: string
  version: number
  outcome: Outcome
  /** The result, where it is not what was sent. */
  data: JsonObject | null
  checksum: string
  /** Where the record is now, if it moved from where the operation was made; the feed tells the rest. */
  scope?: string
}

export type Conflicted = {
  op_id: string
  record_id: string
  conflict_id: string | null
  code: ConflictCode
  /** Dotted paths that clash. */
  fields: string[]
  server_version: number
  server_data: JsonObject | null
  base_data: JsonObject | null
  /** As in {@link Accepted}. */
  scope?: string
}

export type Rejected = {
  op_id: string | null
  /** Position in `changes`, for an operation whose op_id could not be read. */
  index?: number
  code: RejectionCode
  detail: string
  retryable: boolean
  dead_letter_id?: string
  /** JSON pointers into the change and what is wrong there. */
  errors?: { pointer: string; detail: string }[]
  /** With `clock_skew`: what to correct the device's clock by. */
  server_time?: string
}

export type ChangeActor = { kind: 'device' | 'person' | 'system'; id: string }

export type ServerChange = {
  scope: string
  seq: number
  table: string
  record_id: string
  operation: 'UPSERT' | 'DELETE' | 'LEAVE'
  version: number
  data: JsonObject | null
  checksum: string
  hlc: string
  by: ChangeActor
  conflict_id: string | null
}

export const resyncReasons = [
  'first_sync',
  'token_expired',
  'epoch_changed',
  'token_ahead',
  'scope_changed',
  'history_diverged',
] as const
export type ResyncReason = (typeof resyncReasons)[number]

export type SyncReply = {
  sync_token: string
  epoch: string
  server_time: string
  trace_id: string
  accepted: Accepted[]
  conflicts: Conflicted[]
  rejected: Rejected[]
  server_changes: ServerChange[]
  has_more: boolean
  /** The server's Lamport clock as it answered: a device that goes on from it orders the events of its sync. */
  lamport?: number
  /** What the device is granted now. A record it has of another scope, with nothing more to come, has left it. */
  scopes?: string[]
  /** Operations in this reply that were answered before, by op_id, whose state the token that was sent covers. */
  covered?: string[]
  /**
   * Of operations that were answered before, and whose registers the device has stamped anew since: the state that was taken,
   * where neither the answer nor the token tells of it.
   */
  restated?: { op_id: string; data: JsonObject }[]
  /** How many of the answers in this reply were given before. */
  repeated?: number
  /** Of the operations in `confirm`, by op_id, those that this server did not answer so. Absent where none was asked. */
  unconfirmed?: string[]
  /** Conflicts in this reply that were answered before, and are settled by now. */
  settled?: string[]
  /** Where records leave a scope that was revoked: the device's conflicts that are not settled yet. */
  open_conflicts?: string[]
  resync: { reason: ResyncReason } | null
  retry_after_ms: number
}

export type SnapshotItem = {
  scope: string
  table: string
  record_id: string
  version: number
  data: JsonObject
  checksum: string
  hlc: string
}

export type SnapshotReply = {
  items: SnapshotItem[]
  next_cursor: string | null
  /** On the last page alone. */
  sync_token?: string
  epoch: string
}
