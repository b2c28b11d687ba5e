import { z } from 'zod'
import {
  conflictDetailSchema,
  conflictItemSchema,
  deadLetterDetailSchema,
  deadLetterGroupSchema,
  deadLetterItemSchema,
  optionalReasonSchema,
  pageSchema,
  reasonSchema,
  recordSchema,
  recordVersionSchema,
  replayDeadLetterSchema,
  replayReplySchema,
  resolveConflictSchema,
  writeRecordSchema,
} from '#lib/protocol/console.ts'
import { tableReachSchema, tableSchema, tableVersionSchema } from '#lib/protocol/tables.ts'
import { tablePolicySchema } from '#lib/protocol/policy.ts'
import { conflictsQuerySchema } from '../conflicts/list.ts'
import { deadLetterGroupsQuerySchema } from '../dead-letters/groups.ts'
import { deadLettersQuerySchema } from '../dead-letters/list.ts'
import { historyQuerySchema } from '../records/history.ts'
import { recordsQuerySchema } from '../records/list.ts'
import { tableQuerySchema, tablesQuerySchema } from '../tables/list.ts'
import type { Operation } from './operation.ts'

const scopeQuery = z.object({ scope: z.string().max(200).optional() })

/** Conflicts, dead letters, records and tables. */
export const repairOperations: readonly Operation[] = [
  {
    ...{ method: 'GET', path: '/api/v1/conflicts', who: 'viewer' },
    summary: 'Conflicts by the time they arose.',
    ...{ query: conflictsQuerySchema, reply: pageSchema(conflictItemSchema) },
  },
  {
    ...{ method: 'GET', path: '/api/v1/conflicts/{id}', who: 'viewer' },
    summary: 'A conflict: base, device and server, field by field, against the record as it is now.',
    reply: conflictDetailSchema,
  },
  {
    ...{ method: 'POST', path: '/api/v1/conflicts/{id}/resolve', who: 'admin', ifMatch: 'required' },
    summary:
      'Settle a conflict. The chosen state becomes the record’s next version and reaches every device.',
    ...{ body: resolveConflictSchema, reply: conflictDetailSchema, problems: ['conflict'] },
  },
  {
    ...{ method: 'POST', path: '/api/v1/conflicts/{id}/undo', who: 'admin', ifMatch: 'required' },
    summary: 'Take a resolution back, while the record is as it left it. The conflict is open again.',
    ...{ body: optionalReasonSchema, reply: conflictDetailSchema, problems: ['conflict'] },
  },
  {
    ...{ method: 'GET', path: '/api/v1/dead-letters', who: 'viewer' },
    summary: 'Dead letters by the time they arrived.',
    ...{ query: deadLettersQuerySchema, reply: pageSchema(deadLetterItemSchema) },
  },
  {
    ...{ method: 'GET', path: '/api/v1/dead-letters/groups', who: 'viewer' },
    summary: 'Dead letters by fault.',
    ...{ query: deadLetterGroupsQuerySchema, reply: pageSchema(deadLetterGroupSchema) },
  },
  {
    ...{ method: 'GET', path: '/api/v1/dead-letters/{id}', who: 'viewer' },
    summary: 'A dead letter: the change verbatim, its fault, and every attempt.',
    reply: deadLetterDetailSchema,
  },
  {
    ...{ method: 'POST', path: '/api/v1/dead-letters/{id}/replay', who: 'operator', ifMatch: 'optional' },
    summary:
      'Send a dead letter again as its device’s operation, edited or not; dry_run tells the outcome alone.',
    ...{ body: replayDeadLetterSchema, reply: replayReplySchema, problems: ['conflict'] },
  },
  {
    ...{ method: 'POST', path: '/api/v1/dead-letters/{id}/discard', who: 'operator', ifMatch: 'optional' },
    summary: 'Give a dead letter up. It stays readable and can be restored.',
    ...{ body: reasonSchema, reply: deadLetterDetailSchema, problems: ['conflict'] },
  },
  {
    ...{ method: 'POST', path: '/api/v1/dead-letters/{id}/restore', who: 'operator', ifMatch: 'optional' },
    summary: 'Open a discarded dead letter again.',
    ...{ body: optionalReasonSchema, reply: deadLetterDetailSchema, problems: ['conflict'] },
  },
  {
    ...{ method: 'GET', path: '/api/v1/records', who: 'viewer' },
    summary: 'Records as they are now, by table, id and scope.',
    ...{ query: recordsQuerySchema, reply: pageSchema(recordSchema) },
  },
  {
    ...{ method: 'GET', path: '/api/v1/records/{table}/{id}', who: 'viewer' },
    summary: 'A record as it is now. Its ETag is its version.',
    ...{ query: scopeQuery, reply: recordSchema, problems: ['ambiguous'] },
  },
  {
    ...{
      method: 'PUT',
      path: '/api/v1/records/{table}/{id}',
      who: 'admin',
      ifMatch: 'required',
      made: 'sometimes',
    },
    summary: 'Write a record through the push path. A new one needs no If-Match.',
    ...{ query: scopeQuery, body: writeRecordSchema, reply: recordSchema, problems: ['ambiguous'] },
  },
  {
    ...{ method: 'DELETE', path: '/api/v1/records/{table}/{id}', who: 'admin', ifMatch: 'required' },
    summary: 'Delete a record through the push path.',
    ...{ query: scopeQuery, body: optionalReasonSchema, reply: recordSchema, problems: ['ambiguous'] },
  },
  {
    ...{ method: 'GET', path: '/api/v1/records/{table}/{id}/history', who: 'viewer' },
    summary: 'Every version of a record: who, which operation, which rule, what was lost, per field.',
    ...{ query: historyQuerySchema, reply: pageSchema(recordVersionSchema), problems: ['ambiguous'] },
  },
  {
    ...{ method: 'GET', path: '/api/v1/tables', who: 'viewer' },
    summary: 'Tables and their policies.',
    ...{ query: tablesQuerySchema, reply: pageSchema(tableSchema) },
  },
  {
    ...{ method: 'GET', path: '/api/v1/tables/{name}', who: 'viewer' },
    summary:
      'A table’s policy; with include=versions, also what it was; with include=reach, how far back its feeds reach.',
    ...{
      query: tableQuerySchema,
      reply: tableSchema.extend({
        versions: z.array(tableVersionSchema).optional(),
        reach: tableReachSchema.optional(),
      }),
    },
  },
  {
    ...{ method: 'PUT', path: '/api/v1/tables/{name}', who: 'admin', ifMatch: 'optional', made: 'sometimes' },
    summary: 'Give a table its policy. Takes effect with the next change that is decided.',
    ...{ body: tablePolicySchema, reply: tableSchema },
  },
]
