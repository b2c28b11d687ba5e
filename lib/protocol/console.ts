import { z } from 'zod'
import type { Json, JsonObject } from '#lib/core/json.ts'
import { operations, outcomes, uuid } from './sync.ts'

// What the console API answers. The server's verbs are typed by these, the pages read them, OpenAPI describes them.

const json = z.json() as z.ZodType<Json>
const data = z.record(z.string(), json) as z.ZodType<JsonObject>
const at = z.iso.datetime()
const vector = z.record(z.string(), z.int())
/** Dotted path; a dot within a name is escaped with a backslash. "" is the whole record. */
const path = z.string()
const changeActor = z.object({
  kind: z.enum(['device', 'person', 'system']),
  id: z.string(),
  /** Device name or e-mail, where it is known. */
  name: z.string().nullable(),
})

export function pageSchema<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), next_cursor: z.string().nullable(), total: z.int() })
}

/**
 * One place of a record: what it was and what each side made of it. A side without the place has no member for it.
 * `joined`: a CRDT, of which both sides' states stay; `merged`: text that both changed, merged letter by letter.
 */
export const fieldViewSchema = z.object({
  path,
  segments: z.array(z.string()),
  kind: z.enum(['unchanged', 'same', 'client', 'server', 'joined', 'merged', 'clash']),
  base: json.optional(),
  client: json.optional(),
  server: json.optional(),
  /** What both come to, where the kind is `joined` or `merged`. */
  merged: json.optional(),
})

export type FieldView = z.output<typeof fieldViewSchema>

export const fieldChangeSchema = z.object({ path, before: json.optional(), after: json.optional() })
export type FieldChange = z.output<typeof fieldChangeSchema>

// ---- Conflicts ----

export const conflictStates = ['open', 'resolved'] as const
export const conflictChoices = ['client', 'server', 'merged'] as const
export type ConflictChoice = (typeof conflictChoices)[number]

export const conflictItemSchema = z.object({
  id: uuid,
  state: z.enum(conflictStates),
  code: z.string(),
  scope: z.string(),
  table: z.string(),
  record_id: uuid,
  operation: z.enum(operations),
  /** Places that clash; none where one side deleted the record. */
  fields: z.array(path),
  strategy: z.string(),
  device_id: uuid.nullable(),
  device_name: z.string().nullable(),
  /** Who wrote what the device's edit met; null for a person. */
  server_device_id: uuid.nullable(),
  server_device_name: z.string().nullable(),
  base_version: z.int(),
  server_version: z.int(),
  created_at: at,
  resolved_at: at.nullable(),
  resolved_by: z.string().nullable(),
  choice: z.enum(conflictChoices).nullable(),
  reason: z.string().nullable(),
  version: z.int(),
})
export type ConflictItem = z.output<typeof conflictItemSchema>

export const conflictDetailSchema = conflictItemSchema.extend({
  /** For If-Match: the conflict's version and the record's, so that a resolution never overwrites what was not seen. */
  etag: z.string(),
  op_id: uuid,
  later_op_ids: z.array(uuid),
  trace_id: z.string().nullable(),
  base: z.object({ version: z.int(), data: data.nullable() }),
  /** The device's side: its latest state on top of the operation in conflict. */
  client: z.object({
    data: data.nullable(),
    hlc: z.string(),
    vector,
    /** How far ahead the device's clock is now, milliseconds; null where it has not told its time. */
    clock_skew_ms: z.int().nullable(),
  }),
  /** The server's side when the conflict arose. */
  server: z.object({ version: z.int(), data: data.nullable(), hlc: z.string(), vector }),
  /** How the device's vector stands to the server's. */
  vector_order: z.enum(['equal', 'before', 'after', 'concurrent']),
  /** The same device by device: the highest seq of each that a side includes. */
  vector_entries: z.array(
    z.object({ device_id: z.string(), device_name: z.string().nullable(), client: z.int(), server: z.int() }),
  ),
  /** The saga it belongs to: as the step that ended so, or as the undoing of one. */
  saga: z.object({ id: uuid, step: z.int(), undoes: z.boolean() }).nullable(),
  /** The scope that the device's edit moves the record to; null where it leaves it in its scope. */
  to_scope: z.string().nullable(),
  /** The record as it is now; `moved`: it was written since the conflict arose. */
  current: z.object({
    version: z.int(),
    data: data.nullable(),
    hlc: z.string(),
    vector,
    updated_at: at,
    by: changeActor,
    moved: z.boolean(),
  }),
  /** Base, device and the record as it is now, place by place. */
  field_views: z.array(fieldViewSchema),
  /** Everything that merges by itself, with the record's values where it clashes; null where a side is a delete. */
  suggestion: z.object({ data, clashes: z.array(path) }).nullable(),
  resolution: z
    .object({
      version: z.int(),
      data: data.nullable(),
      /** The scope that it moved the record out of. */
      moved_from: z.string().nullable(),
      /** The record is still as the resolution left it. */
      can_undo: z.boolean(),
      /** Why it can not be undone. */
      undo_refusal: z.string().nullable(),
      /**
       * How many active devices of the scope have confirmed that they have it, and whether theirs is among them (null: it
       * is none of them). Null where the commit is no longer known.
       */
      reached: z.object({ devices: z.int(), confirmed: z.int(), sender: z.boolean().nullable() }).nullable(),
    })
    .nullable(),
})
export type ConflictDetail = z.output<typeof conflictDetailSchema>

export const resolveConflictSchema = z
  .object({
    choice: z.enum(conflictChoices),
    /** The record to write; with `merged` alone. null deletes it. */
    data: data.nullish(),
    /** Whether the record goes to `to_scope`; where it is not said, it does with the choice `client`. */
    moves: z.boolean().optional(),
    reason: z.string().trim().max(1_000).default(''),
  })
  .refine((body) => body.choice !== 'merged' || body.data !== undefined, {
    path: ['data'],
    message: 'is required for the choice merged',
  })

/** Why, where the deed can be taken back and says enough by itself. */
export const optionalReasonSchema = z.object({ reason: z.string().trim().max(1_000).default('') })
export const reasonSchema = z.object({
  reason: z.string().trim().min(1, 'is required: the audit will want it').max(1_000),
})

// ---- Dead letters ----

export const deadLetterStates = ['open', 'replaying', 'replayed', 'discarded'] as const

export const deadLetterItemSchema = z.object({
  id: uuid,
  state: z.enum(deadLetterStates),
  /** Who gave it up: the server, or the device after its retries. */
  source: z.enum(['server', 'device']),
  code: z.string(),
  detail: z.string(),
  /** JSON pointers into the change. */
  pointers: z.array(z.string()),
  device_id: uuid.nullable(),
  device_name: z.string().nullable(),
  scope: z.string().nullable(),
  table: z.string().nullable(),
  record_id: uuid.nullable(),
  op_id: uuid.nullable(),
  schema_version: z.int(),
  fingerprint: z.string(),
  attempts: z.int(),
  trace_id: z.string().nullable(),
  created_at: at,
  updated_at: at,
  replay_op_id: uuid.nullable(),
  reason: z.string().nullable(),
  closed_by: z.string().nullable(),
  closed_at: at.nullable(),
  version: z.int(),
})
export type DeadLetterItem = z.output<typeof deadLetterItemSchema>

export const deadLetterAttemptSchema = z.object({
  at,
  actor: z.string(),
  op_id: uuid.nullable(),
  outcome: z.enum(['received', 'replayed', 'conflict', 'failed', 'discarded', 'restored']),
  code: z.string().nullable(),
  detail: z.string(),
  /** The change as it was edited for this attempt. */
  change: z.string().nullable(),
  trace_id: z.string().nullable(),
})
export type DeadLetterAttempt = z.output<typeof deadLetterAttemptSchema>

export const deadLetterDetailSchema = deadLetterItemSchema.extend({
  etag: z.string(),
  /** The change verbatim, as the device sent it: text, because JSON cannot hold everything a device can send. */
  change_text: z.string(),
  /** The same, where it is JSON. */
  change: json,
  /** Oldest first. */
  attempt_log: z.array(deadLetterAttemptSchema),
  /** The record as it is now; null where the server never had it. */
  current: z.object({ version: z.int(), data: data.nullable() }).nullable(),
  /** The table's JSON Schema, for the editor. */
  schema: data.nullable(),
})
export type DeadLetterDetail = z.output<typeof deadLetterDetailSchema>

export const deadLetterGroupSchema = z.object({
  fingerprint: z.string(),
  code: z.string(),
  table: z.string().nullable(),
  schema_version: z.int(),
  /** The detail with ids, numbers and quoted text taken out. */
  pattern: z.string(),
  /** Of the newest one. */
  sample_id: uuid,
  sample_detail: z.string(),
  open: z.int(),
  replayed: z.int(),
  discarded: z.int(),
  total: z.int(),
  devices: z.int(),
  first_seen: at,
  last_seen: at,
})
export type DeadLetterGroup = z.output<typeof deadLetterGroupSchema>

export const replayDeadLetterSchema = z.object({
  dry_run: z.boolean().default(false),
  /** The change to send in place of the original; its op_id, seq, hlc and checksum are given by the server. */
  change: data.optional(),
  reason: z.string().trim().max(1_000).default(''),
})

export const replayReplySchema = z.object({
  dry_run: z.boolean(),
  /** What became, or with dry_run would become, of the change. */
  kind: z.enum(['accepted', 'conflict', 'rejected']),
  outcome: z.enum(outcomes).nullable(),
  code: z.string().nullable(),
  detail: z.string(),
  errors: z.array(z.object({ pointer: z.string(), detail: z.string() })),
  conflict_id: uuid.nullable(),
  /** The operation it was replayed under. */
  op_id: uuid,
  /** What the edit changed in the change. */
  edited: z.array(fieldChangeSchema),
  /** What it does to the record. */
  record: z.object({
    before: data.nullable(),
    after: data.nullable(),
    version: z.int(),
    changes: z.array(fieldChangeSchema),
  }),
})
export type ReplayReply = z.output<typeof replayReplySchema>

// ---- Records ----

export const recordSchema = z.object({
  scope: z.string(),
  table: z.string(),
  record_id: uuid,
  version: z.int(),
  /** null when deleted */
  data: data.nullable(),
  deleted: z.boolean(),
  checksum: z.string(),
  hlc: z.string(),
  vector,
  last_op_id: uuid.nullable(),
  last_device_id: uuid.nullable(),
  created_at: at,
  updated_at: at,
})
export type RecordState = z.output<typeof recordSchema>

export const writeRecordSchema = z.object({ data, reason: z.string().trim().max(1_000).default('') })

export const lostValueSchema = z.object({
  path,
  value: json,
  from: z.enum(['client', 'server']),
  hlc: z.string(),
})

export const recordVersionSchema = z.object({
  at,
  /** Where the record was: its history goes with it from scope to scope. */
  scope: z.string(),
  /** The record's version after the operation; the one before it, where the operation changed nothing. */
  version: z.int(),
  before_version: z.int(),
  operation: z.enum(operations),
  /** NONE: the operation left the record as it was (superseded, in conflict, refused as stale). */
  effect: z.enum(['UPSERT', 'DELETE', 'LEAVE', 'NONE']),
  outcome: z.string(),
  by: changeActor,
  op_id: uuid.nullable(),
  /** The rule that decided. */
  rule: data,
  /** What the rule discarded. */
  lost: z.array(lostValueSchema),
  conflict_id: uuid.nullable(),
  dead_letter_id: uuid.nullable(),
  data: data.nullable(),
  /** Against the version before, place by place. */
  changes: z.array(fieldChangeSchema),
  checksum: z.string(),
  hlc: z.string(),
  vector,
  trace_id: z.string().nullable(),
})
export type RecordVersion = z.output<typeof recordVersionSchema>
