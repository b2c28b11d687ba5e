import { z } from 'zod'
import { crdtTypes } from '#lib/core/crdt/types.ts'
import {
  defaultDeleteRule,
  defaultRetentionDays,
  deleteRules,
  maxRecordBytes,
  strategies,
  tablePriorities,
  tiebreaks,
  type TablePolicy,
  type UpcastStep,
} from '#lib/core/policy.ts'
import type { Json, JsonObject } from '#lib/core/json.ts'

const path = z.string().min(1).max(200)
const json = z.json() as z.ZodType<Json>
const object = z.record(z.string(), json) as z.ZodType<JsonObject>

const oneOf = <const T extends readonly string[]>(values: T) =>
  z.enum(values, { error: `must be one of ${values.join(', ')}` })
const strategy = oneOf(strategies)

const fieldPolicySchema = z
  .object({
    strategy: strategy.optional(),
    tiebreak: oneOf(tiebreaks).optional(),
    /** With the strategy `crdt`. */
    type: oneOf(crdtTypes).optional(),
  })
  .refine((field) => field.strategy !== undefined || field.tiebreak !== undefined, {
    message: 'must give a strategy or a tiebreak',
  })

const ruleText = z.string().min(1).max(2_000)
const ruleSchema = z
  .union(
    [
      ruleText,
      z.object({
        rule: ruleText,
        message: z.string().max(500).optional(),
        field: z.string().max(200).optional(),
      }),
    ],
    {
      error: 'must be a CEL expression, or {"rule", "message", "field"}',
    },
  )
  .transform((rule) =>
    typeof rule === 'string'
      ? { rule, message: '', field: '' }
      : { rule: rule.rule, message: rule.message ?? '', field: rule.field ?? '' },
  )

const upcastStepSchema: z.ZodType<UpcastStep> = z.union(
  [
    z.strictObject({ rename: z.record(path, path) }),
    z.strictObject({ default: z.record(path, json) }),
    z.strictObject({ drop: z.array(path) }),
    z.strictObject({ map: z.record(path, z.record(z.string(), json)) }),
  ],
  { error: 'must be one of {"rename"}, {"default"}, {"drop"}, {"map"}' },
)

/** Names of tables may contain slashes, such as `brands/amenity/cafe`. */
export const tableName = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\s/\p{Cc}]+(\/[^\s/\p{Cc}]+)*$/u, 'may have no blanks, and no empty parts between slashes')

/** Body of `PUT /api/v1/tables/{name}`: what is left out takes its default. `name` comes from the address. */
export const tablePolicySchema = z
  .object({
    name: tableName,
    strategy: strategy.default('merge'),
    tiebreak: oneOf(tiebreaks).default('manual'),
    on_delete: oneOf(deleteRules).nullish(),
    fields: z.record(path, fieldPolicySchema).default({}),
    sets: z.array(path).max(200).default([]),
    priority: oneOf(tablePriorities).default('normal'),
    schema: object.nullable().default(null),
    schema_version: z.int().min(1).max(1_000_000).default(1),
    upcasts: z
      .record(
        z.string().regex(/^[1-9]\d{0,5}$/, 'must be the version the steps start from'),
        z.array(upcastStepSchema),
      )
      .default({}),
    rules: z.array(ruleSchema).max(50).default([]),
    retention_days: z.int().min(1).max(36_500).default(defaultRetentionDays),
    max_record_bytes: z.int().min(2).max(maxRecordBytes).default(maxRecordBytes),
  })
  .transform((policy): TablePolicy => ({
    ...policy,
    on_delete: policy.on_delete ?? defaultDeleteRule(policy.strategy),
    fields: Object.fromEntries(
      Object.entries(policy.fields).map(([at, { strategy, tiebreak, type }]) => [
        at,
        { ...(strategy && { strategy }), ...(tiebreak && { tiebreak }), ...(type && { type }) },
      ]),
    ),
  }))
