import { describe, expect, test } from 'vitest'
import { feedDigest, type CommitHeader } from './digest.ts'
import type { FeedChangeRow } from './store.ts'

const change: FeedChangeRow = {
  final: 'update',
  scope: 'site-7',
  ordinal: 0,
  table: 'inspections',
  record_id: '0193f3a2-b4c0-7000-8000-0000000000aa',
  operation: 'UPDATE',
  effect: 'UPSERT',
  op_id: '0193f3a2-b4c0-7000-8000-000000000001',
  seq: 17,
  outcome: 'merged',
  before_version: 5,
  after_version: 6,
  data: { a: 1 },
  checksum: 'c0ffee',
  hlc: '0193f3a2b4c0-0003-9f2c01aa77e04b11',
  vector: { x: 1, y: 2 },
  rule: { strategy: 'merge', policy_version: 3 },
  lost: [{ path: 'a', value: { m: 1, n: 2 }, from: 'client', hlc: 'h' }],
  conflict_id: null,
  dead_letter_id: null,
  device_id: '0193f3a2-b4c0-7000-8000-000000000d01',
  size_bytes: 7,
}
const header: CommitHeader = {
  batch: '0193f3a2-b4c0-7000-8000-0000000000b1',
  changes: 1,
  size_bytes: 407,
  actor_kind: 'device',
  actor_id: '0193f3a2-b4c0-7000-8000-000000000d01',
  trace_id: null,
}
const digest = (more: Partial<FeedChangeRow> = {}, commit: Partial<CommitHeader> = {}) =>
  feedDigest({ ...header, ...commit }, [{ ...change, ...more }])

describe('the digest of a commit', () => {
  test.each<Partial<FeedChangeRow>>([
    { ordinal: 1 },
    { table: 'others' },
    { record_id: change.op_id },
    { operation: 'CREATE' },
    { effect: 'DELETE' },
    { op_id: change.record_id },
    { seq: 18 },
    { seq: null },
    { outcome: 'applied' },
    { before_version: 4 },
    { after_version: 7 },
    { checksum: 'c0ffef' },
    { hlc: '0193f3a2b4c0-0004-9f2c01aa77e04b11' },
    { vector: { x: 1, y: 3 } },
    { rule: { strategy: 'lww', policy_version: 3 } },
    { lost: null },
    { lost: [] },
    { lost: [{ path: 'a', value: { m: 1, n: 3 }, from: 'client', hlc: 'h' }] },
    { conflict_id: change.op_id },
    { dead_letter_id: change.op_id },
    { device_id: change.op_id },
    { device_id: null },
  ])('is another for %j', (more) => {
    expect(digest(more)).not.toBe(digest())
  })

  test.each<Partial<CommitHeader>>([
    { batch: change.op_id },
    { changes: 2 },
    { size_bytes: 408 },
    { actor_kind: 'person' },
    { actor_id: 'somebody' },
    { trace_id: 'ff' },
  ])('is another for the commit’s %j', (more) => {
    expect(digest({}, more)).not.toBe(digest())
  })

  test('does not depend on how the database orders members', () => {
    const reordered = {
      vector: { y: 2, x: 1 },
      rule: { policy_version: 3, strategy: 'merge' },
      lost: [{ hlc: 'h', from: 'client' as const, value: { n: 2, m: 1 }, path: 'a' }],
    }
    expect(digest(reordered)).toBe(digest())
  })

  test('covers the order of the changes', () => {
    const other = { ...change, table: 'others' }
    expect(feedDigest(header, [change, other])).not.toBe(feedDigest(header, [other, change]))
  })

  test('tells where one change ends and the next begins', () => {
    expect(feedDigest(header, [change, change])).not.toBe(feedDigest(header, [change]))
    expect(feedDigest(header, [])).not.toBe(feedDigest(header, [change]))
  })
})
