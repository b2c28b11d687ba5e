import { expect, test } from 'vitest'
import type { z } from 'zod'
import type { EnrollReply } from '#lib/protocol/enroll.ts'
import type { Problem } from '#lib/protocol/errors.ts'
import type { SnapshotReply, SyncReply } from '#lib/protocol/sync.ts'
import {
  syncReplySchema,
  type enrollReplySchema,
  type problemSchema,
  type snapshotReplySchema,
} from './replies.ts'

/** Whatever the server may send, a device must be able to read: a contract that drifts apart does not compile. */
const sends: {
  sync: (reply: SyncReply) => z.input<typeof syncReplySchema>
  snapshot: (reply: SnapshotReply) => z.input<typeof snapshotReplySchema>
  enroll: (reply: EnrollReply) => z.input<typeof enrollReplySchema>
  problem: (problem: Problem) => z.input<typeof problemSchema>
} = {
  sync: (reply) => reply,
  snapshot: (reply) => reply,
  enroll: (reply) => reply,
  problem: (problem) => problem,
}

const REPLY = sends.sync({
  sync_token: 't',
  epoch: 'e',
  server_time: '2026-11-22T08:00:00.000Z',
  trace_id: '0',
  accepted: [],
  conflicts: [],
  rejected: [{ op_id: null, index: 0, code: 'invalid_change', detail: 'unreadable', retryable: false }],
  server_changes: [],
  has_more: false,
  resync: null,
  retry_after_ms: 0,
})

test('a reply of a newer server is read: fields and refusals it does not know do no harm', () => {
  const rejected = [{ op_id: 'o', code: 'from_the_future', retryable: true, since: 'v9' }]
  const newer = { ...REPLY, rejected, news: { of: 'tomorrow' } }
  expect(syncReplySchema.parse(newer)).toMatchObject({
    rejected: [{ op_id: 'o', code: 'from_the_future', retryable: true, detail: '' }],
  })
})

test.each(['sync_token', 'accepted', 'server_changes', 'has_more'])(
  'a reply without %s is no reply',
  (field) => {
    const { [field as keyof typeof REPLY]: _, ...rest } = REPLY
    expect(syncReplySchema.safeParse(rest).success).toBe(false)
  },
)
