import { z } from 'zod'
import { digestReplySchema, digestRequestSchema } from '#lib/protocol/digest.ts'
import { enrollRequestSchema } from '#lib/protocol/enroll.ts'
import { limits, syncRequestSchema, uuid } from '#lib/protocol/sync.ts'
import type { Operation } from './operation.ts'

/** What devices call. docs and protocol.md tell what the replies mean. */
export const deviceOperations: readonly Operation[] = [
  {
    ...{ method: 'POST', path: '/api/v1/enroll', who: 'anybody', made: 'always' },
    summary: 'Enrol a device with an enrolment key; the reply has its token.',
    body: enrollRequestSchema,
    reply: z.object({
      device_token: z.string(),
      scopes: z.array(z.string()),
      epoch: uuid,
      server_time: z.iso.datetime(),
      limits: z.record(z.string(), z.int()),
      tables: z.array(
        z.object({ name: z.string(), strategy: z.string(), priority: z.string(), schema_version: z.int() }),
      ),
    }),
    problems: ['unauthenticated', 'forbidden', 'throttled'],
  },
  {
    ...{ method: 'POST', path: '/api/v1/sync', who: 'device' },
    summary: 'Push queued operations and pull what is new. Also at POST /sync.',
    body: syncRequestSchema,
    problems: [
      'device_revoked',
      'device_forked',
      'seq_gap',
      'protocol_unsupported',
      'throttled',
      'storage_full',
    ],
  },
  {
    ...{ method: 'GET', path: '/api/v1/snapshot', who: 'device' },
    summary:
      'Full sync, page by page, pinned at the feed position of its first page. To begin one a device waits for its turn.',
    query: z.object({
      cursor: z.string().optional(),
      scope: z.string().optional(),
      limit: z.coerce.number().int().min(1).max(limits.max_pull).optional(),
    }),
    problems: ['cursor_expired', 'throttled'],
  },
  {
    ...{ method: 'POST', path: '/api/v1/digest', who: 'device' },
    summary:
      'Compare what a device has of a scope with what the server has, bucket by bucket, at its sync token.',
    body: digestRequestSchema,
    reply: digestReplySchema,
  },
  {
    ...{ method: 'GET', path: '/api/v1/pokes', who: 'device', replyType: 'text/event-stream' },
    summary: 'Server-sent events that say when something new waits in a scope.',
  },
]
