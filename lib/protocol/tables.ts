import { z } from 'zod'
import { crdtTypes } from '#lib/core/crdt/types.ts'
import type { JsonObject } from '#lib/core/json.ts'
import { deleteRules, strategies, tablePriorities, tiebreaks } from '#lib/core/policy.ts'

// What the console API answers about tables and their policies.

const data = z.record(z.string(), z.json()) as z.ZodType<JsonObject>
const at = z.iso.datetime()
/** Dotted path; a dot within a name is escaped with a backslash. */
const path = z.string()

export const tableSchema = z.object({
  name: z.string(),
  version: z.int(),
  updated_at: at,
  updated_by: z.string(),
  strategy: z.enum(strategies),
  tiebreak: z.enum(tiebreaks),
  on_delete: z.enum(deleteRules).nullable(),
  fields: z.record(
    path,
    z.object({
      strategy: z.enum(strategies).optional(),
      tiebreak: z.enum(tiebreaks).optional(),
      type: z.enum(crdtTypes).optional(),
    }),
  ),
  sets: z.array(path),
  priority: z.enum(tablePriorities),
  schema: data.nullable(),
  schema_version: z.int(),
  upcasts: z.record(z.string(), z.array(data)),
  rules: z.array(z.object({ rule: z.string(), message: z.string(), field: path })),
  retention_days: z.int(),
  max_record_bytes: z.int(),
  /** What is worth a second look, with a pointer into the policy: older apps that it shuts out. */
  warnings: z.array(z.object({ pointer: z.string(), detail: z.string() })),
})
export type Table = z.output<typeof tableSchema>

export const tableVersionSchema = z.object({
  version: z.int(),
  policy: data,
  created_at: at,
  created_by: z.string(),
})
export type TableVersion = z.output<typeof tableVersionSchema>

/** How far back the feeds reach that a table's records are in. A feed has one mark for all tables of its scope. */
export const tableReachSchema = z.object({
  /** Scopes that hold records of the table, those of them that were compacted, and when one last was. */
  scopes: z.int(),
  compacted: z.int(),
  last_compacted_at: at.nullable(),
  /** Devices whose last position lies below a mark: with their next sync they load everything. */
  behind: z.int(),
  /** The scopes with most such devices, then those compacted last. */
  items: z.array(
    z.object({
      scope: z.string(),
      /** No token below it is served; 0 where the feed reaches back to its beginning. */
      min_seq: z.int(),
      head_seq: z.int(),
      /** When the first commit was made that the feed still has one by one; null where there is none. */
      begins_at: at.nullable(),
      compacted_at: at.nullable(),
      behind: z.int(),
    }),
  ),
})
export type TableReach = z.output<typeof tableReachSchema>
