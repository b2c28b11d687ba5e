import { z } from 'zod'
import type { Json } from '#lib/core/json.ts'
import { instant } from './instant.ts'
import { uuid } from './sync.ts'

// People, keys and the audit: what the console API takes and answers.

const at = z.iso.datetime()
const json = z.json() as z.ZodType<Json>
export const roleSchema = z.enum(['viewer', 'operator', 'admin'])
const displayName = z.string().trim().min(1).max(200)
const scope = z.string().min(1).max(200)
/** NIST SP 800-63B: length is what counts; the upper bound keeps hashing cheap. */
export const passwordLength = { min: 12, max: 200 } as const
export const newPasswordSchema = z
  .string()
  .min(passwordLength.min, `needs at least ${passwordLength.min} characters`)
  .max(passwordLength.max)

// ---- Enrolment keys ----

export const enrollmentKeySchema = z.object({
  id: uuid,
  name: z.string(),
  /** ["*"] allows any scope. */
  scopes: z.array(z.string()),
  max_uses: z.int().nullable(),
  uses: z.int(),
  allow_reenroll: z.boolean(),
  expires_at: at.nullable(),
  created_by: z.string(),
  created_at: at,
  revoked_at: at.nullable(),
})
export type EnrollmentKey = z.output<typeof enrollmentKeySchema>

export const createEnrollmentKeySchema = z.object({
  name: displayName,
  scopes: z.array(scope).min(1).max(1_000).default(['*']),
  max_uses: z.int().min(1).max(1_000_000).nullish(),
  /** Whether it may give a device that is enrolled already a new token. */
  allow_reenroll: z.boolean().default(true),
  expires_at: instant.nullish(),
})
export type CreateEnrollmentKey = z.input<typeof createEnrollmentKeySchema>

// ---- API keys ----

export const apiKeySchema = z.object({
  id: uuid,
  name: z.string(),
  role: roleSchema,
  created_by: z.string(),
  created_at: at,
  revoked_at: at.nullable(),
})
export type ApiKey = z.output<typeof apiKeySchema>

export const createApiKeySchema = z.object({ name: displayName, role: roleSchema.default('viewer') })
export type CreateApiKey = z.input<typeof createApiKeySchema>

/** What answers the creation of a key or an account: the secret is in no other reply. */
export type WithSecret<Item> = Item & { secret: string }

// ---- People ----

export const userSchema = z.object({
  id: uuid,
  email: z.string(),
  name: z.string(),
  role: roleSchema,
  /** False for somebody who signs in through the identity provider alone. */
  has_password: z.boolean(),
  created_at: at,
  last_sign_in_at: at.nullable(),
})
export type User = z.output<typeof userSchema>

export const createUserSchema = z.object({
  email: z.email().max(320).toLowerCase(),
  name: displayName.optional(),
  role: roleSchema.default('viewer'),
  /** One is made up, and shown once, where none is given. */
  password: newPasswordSchema.optional(),
})
export type CreateUser = z.input<typeof createUserSchema>

export const setRoleSchema = z.object({ role: roleSchema })

export const changePasswordSchema = z.object({
  current_password: z.string().min(1).max(passwordLength.max),
  new_password: newPasswordSchema,
})
export type ChangePassword = z.input<typeof changePasswordSchema>

// ---- Audit ----

export const auditItemSchema = z.object({
  id: z.int(),
  at,
  actor: z.object({ kind: z.enum(['person', 'system', 'device']), id: z.string(), name: z.string() }),
  /** noun.verb, such as `device.revoke` */
  action: z.string(),
  target: z.string(),
  target_id: z.string(),
  reason: z.string().nullable(),
  before: json,
  after: json,
  trace_id: z.string().nullable(),
})
export type AuditItem = z.output<typeof auditItemSchema>

export const auditVerificationSchema = z.object({
  ok: z.boolean(),
  /** Entries whose chain holds, from the first on. */
  checked: z.int(),
  last_id: z.int(),
  /** The first entry at which the audit is not what was written. */
  broken: z.object({ id: z.int(), reason: z.enum(['changed', 'missing', 'added', 'head']) }).nullable(),
})
export type AuditVerification = z.output<typeof auditVerificationSchema>
