import { z } from 'zod'
import {
  apiKeySchema,
  auditItemSchema,
  auditVerificationSchema,
  changePasswordSchema,
  createApiKeySchema,
  createEnrollmentKeySchema,
  createUserSchema,
  enrollmentKeySchema,
  setRoleSchema,
  userSchema,
} from '#lib/protocol/access.ts'
import { pageSchema } from '#lib/protocol/console.ts'
import {
  deviceDetailSchema,
  deviceItemSchema,
  deviceQuerySchema,
  deviceReasonSchema,
  setScopesSchema,
} from '#lib/protocol/devices.ts'
import { healthQuerySchema, healthSummarySchema } from '#lib/protocol/health.ts'
import { syncDetailSchema, syncItemSchema, syncsQuerySchema } from '#lib/protocol/syncs.ts'
import { auditQuerySchema } from '../audit/list.ts'
import type { Operation } from './operation.ts'

const withSecret = { secret: z.string() }

/** Devices and syncs as people see them, health, keys, accounts, the audit. */
export const governOperations: readonly Operation[] = [
  {
    ...{ method: 'GET', path: '/api/v1/health/summary', who: 'viewer' },
    summary: 'The numbers of the board and their trends.',
    ...{ query: healthQuerySchema, reply: healthSummarySchema },
  },
  {
    ...{ method: 'GET', path: '/api/v1/stream', who: 'viewer', replyType: 'text/event-stream' },
    summary: 'Server-sent events that say what changed.',
  },
  {
    ...{ method: 'GET', path: '/api/v1/devices', who: 'viewer' },
    summary: 'Devices and their health.',
    ...{ query: deviceQuerySchema, reply: pageSchema(deviceItemSchema) },
  },
  {
    ...{ method: 'GET', path: '/api/v1/devices/{id}', who: 'viewer' },
    summary: 'A device: health, state, lag, pending, skew, errors, transitions.',
    reply: deviceDetailSchema,
  },
  {
    ...{ method: 'POST', path: '/api/v1/devices/{id}/{action}', who: 'admin' },
    summary: 'Revoke, restore, pause, resume or resync a device.',
    ...{ body: deviceReasonSchema, reply: deviceDetailSchema, problems: ['conflict'] },
  },
  {
    ...{ method: 'PUT', path: '/api/v1/devices/{id}/scopes', who: 'admin', ifMatch: 'required' },
    summary: 'Grant a device its scopes.',
    ...{ body: setScopesSchema, reply: deviceDetailSchema },
  },
  {
    ...{ method: 'GET', path: '/api/v1/syncs', who: 'viewer' },
    summary: 'Every sync: duration, counts, bytes, outcome.',
    ...{ query: syncsQuerySchema, reply: pageSchema(syncItemSchema) },
  },
  {
    ...{ method: 'GET', path: '/api/v1/syncs/{id}', who: 'viewer' },
    summary: 'A sync with its spans and what it touched, in order.',
    reply: syncDetailSchema,
  },
  {
    ...{ method: 'GET', path: '/api/v1/enrollment-keys', who: 'admin' },
    summary: 'Enrolment keys.',
    reply: pageSchema(enrollmentKeySchema),
  },
  {
    ...{ method: 'POST', path: '/api/v1/enrollment-keys', who: 'admin', made: 'always' },
    summary: 'Make an enrolment key. The secret is in this reply alone.',
    ...{ body: createEnrollmentKeySchema, reply: enrollmentKeySchema.extend(withSecret) },
  },
  {
    ...{ method: 'DELETE', path: '/api/v1/enrollment-keys/{id}', who: 'admin' },
    summary: 'Revoke an enrolment key.',
    reply: enrollmentKeySchema,
  },
  {
    ...{ method: 'GET', path: '/api/v1/api-keys', who: 'admin' },
    summary: 'API keys.',
    reply: pageSchema(apiKeySchema),
  },
  {
    ...{ method: 'POST', path: '/api/v1/api-keys', who: 'admin', made: 'always' },
    summary: 'Make an API key. The secret is in this reply alone.',
    ...{ body: createApiKeySchema, reply: apiKeySchema.extend(withSecret) },
  },
  {
    ...{ method: 'DELETE', path: '/api/v1/api-keys/{id}', who: 'admin' },
    summary: 'Revoke an API key.',
    reply: apiKeySchema,
  },
  {
    ...{ method: 'GET', path: '/api/v1/users', who: 'admin' },
    summary: 'Accounts.',
    reply: pageSchema(userSchema),
  },
  {
    ...{ method: 'POST', path: '/api/v1/users', who: 'admin', made: 'always' },
    summary: 'Make an account. A password that was made up is in this reply alone.',
    ...{ body: createUserSchema, reply: userSchema.extend(withSecret), problems: ['conflict'] },
  },
  {
    ...{ method: 'PUT', path: '/api/v1/users/{id}', who: 'admin' },
    summary: 'Give an account a role. Its sessions end.',
    ...{ body: setRoleSchema, reply: userSchema, problems: ['conflict'] },
  },
  {
    ...{ method: 'DELETE', path: '/api/v1/users/{id}', who: 'admin' },
    summary: 'Close an account.',
    ...{ reply: userSchema, problems: ['conflict'] },
  },
  {
    ...{ method: 'POST', path: '/api/v1/account/password', who: 'person' },
    summary: 'Change one’s own password. Every other session ends.',
    ...{ body: changePasswordSchema, reply: z.object({ changed: z.boolean() }) },
  },
  {
    ...{ method: 'POST', path: '/api/v1/account/sign-out-everywhere', who: 'person' },
    summary: 'End all of one’s own sessions.',
    reply: z.object({ signed_out: z.boolean() }),
  },
  {
    ...{ method: 'GET', path: '/api/v1/audit', who: 'viewer' },
    summary: 'Who did what, newest first.',
    ...{ query: auditQuerySchema, reply: pageSchema(auditItemSchema) },
  },
  {
    ...{ method: 'POST', path: '/api/v1/audit/verify', who: 'admin' },
    summary: 'Compute the audit’s chain anew and say where, if anywhere, it was tampered with.',
    reply: auditVerificationSchema,
  },
]
