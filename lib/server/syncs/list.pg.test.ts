import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { syncDetailSchema, syncItemSchema, syncsQuerySchema, type SyncItem } from '#lib/protocol/syncs.ts'
import { systemActor } from '../actor.ts'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { getSync } from './get.ts'
import { listSyncs } from './list.ts'
import { insertTraces } from './store.ts'

let own: TestDatabase
const actor = systemActor('test')
const [tablet, other] = [randomUUID(), randomUUID()]
const dayMs = 86_400_000
const today = new Date()
// The 20th of this month: fifteen days on, it is another partition.
const start = Date.UTC(today.getUTCFullYear(), today.getUTCMonth(), 20, 8)
const daysOn = (days: number) => new Date(start + days * dayMs).toISOString()
const partition = (at: number) => `sync_session_${new Date(at).toISOString().slice(0, 7).replace('-', '_')}`
const traceId = 'b'.repeat(32)
const syncId = randomUUID()
const ids = Array.from({ length: 60 }, () => randomUUID())

beforeAll(async () => {
  own = await testDatabase()
  process.env['DATABASE_URL'] = own.url
  await own.db.device.create({
    data: {
      id: tablet,
      name: 'Tablet 12',
      tokenHash: Buffer.from('t'),
      scopes: ['site-1'],
      incarnation: randomUUID(),
    },
  })
  await own.db.syncSession.createMany({
    data: ids.map((id, i) => ({
      id,
      // Several at the same moment, and over a month's end: keys must tell them apart across partitions.
      startedAt: new Date(start + Math.floor(i / 4) * dayMs),
      deviceId: i % 3 === 0 ? other : tablet,
      durationMs: 10 + i,
      ...(i % 10 === 0
        ? { outcome: 'failed', status: 503, errorCode: 'unavailable' }
        : { outcome: 'ok', status: 200 }),
      scopes: i % 2 === 0 ? ['site-1'] : ['site-1', 'site-2'],
      appVersion: '3.4.1',
      tables: { inspections: { pushed: 1, conflicts: 0, rejected: 0, strategy: 'merge' } },
      ...(i < 2 ? { traceId, syncId, deviceId: tablet, pushed: 1 } : {}),
    })),
  })
})
afterAll(() => own.close())

const list = (query: Record<string, unknown>) => listSyncs(actor, syncsQuerySchema.parse(query))

async function allPages(query: Record<string, unknown>): Promise<SyncItem[]> {
  const items: SyncItem[] = []
  let cursor: string | null = null
  do {
    const page = await list({ ...query, limit: 7, ...(cursor === null ? {} : { cursor }) })
    items.push(...page.items)
    cursor = page.next_cursor
  } while (cursor !== null)
  return items
}

test('pages hold every sync once, in order, both ways', async () => {
  const newest = await allPages({})
  expect(new Set(newest.map((item) => item.id)).size).toBe(60)
  const keys = newest.map((item) => `${item.started_at} ${item.id}`)
  expect(keys).toEqual(keys.toSorted().toReversed())
  expect((await allPages({ sort: 'started_at' })).map((item) => item.id)).toEqual(
    newest.map((item) => item.id).toReversed(),
  )
  for (const item of newest) syncItemSchema.parse(item)
  expect(newest.find((item) => item.device_id === tablet)?.device_name).toBe('Tablet 12')
})

test.each([
  ['device', { device: other }, 19],
  ['outcome', { outcome: 'failed' }, 6],
  ['error code', { error_code: 'unavailable' }, 6],
  ['scope', { scope: 'site-2' }, 30],
  ['table', { table: 'inspections' }, 60],
  ['another table', { table: 'nothing' }, 0],
  ['from', { from: daysOn(10) }, 20],
  ['to', { to: daysOn(1) }, 4],
  ['sync', { sync_id: syncId }, 2],
  ['trace', { trace_id: traceId }, 2],
])('filter by %s', async (_, query, expected) => {
  const page = await list({ ...query, limit: 500 })
  expect(page.total).toBe(expected)
  expect(page.items).toHaveLength(expected)
})

test('a cursor of another order is refused', async () => {
  const { next_cursor: cursor } = await list({ limit: 5 })
  await expect(list({ limit: 5, cursor, sort: 'started_at' })).rejects.toMatchObject({
    code: 'invalid_request',
  })
})

test('a page does not look into partitions that lie beyond its cursor', async () => {
  const rows = await own.db.$queryRaw<{ 'QUERY PLAN': string }[]>`
    EXPLAIN (COSTS off) SELECT * FROM sync_session s
    WHERE (s.started_at, s.id) < (${daysOn(2)}::timestamptz, ${ids[0]}::uuid)
      AND s.started_at <= ${daysOn(2)}::timestamptz
    ORDER BY s.started_at DESC, s.id DESC LIMIT 50`
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
  expect(plan).toContain(partition(start))
  expect(plan).not.toContain(partition(start + 15 * dayMs))
})

test('a sync tells its spans, what it touched, and the other requests of the same sync', async () => {
  const span = (id: string, parentId: string | null, startMs: number) => ({
    ...{
      id,
      parentId,
      name: 'sync.receive',
      startMs,
      durationMs: 5,
      failed: false,
      attributes: { 'holdfast.changes': 1 },
    },
  })
  await insertTraces([{ traceId, startedAt: new Date(start), spans: [span('1', null, start + 1)] }])
  await insertTraces([
    { traceId, startedAt: new Date(start), spans: [span('2', '1', start + 3)] },
    { traceId, startedAt: new Date(start), spans: [span('3', '1', start + 2)] },
  ])
  const batch = randomUUID()
  const [conflictId, recordId] = [randomUUID(), randomUUID()]
  await own.db.feedCommit.create({
    data: {
      ...{
        scope: 'site-1',
        seq: 1,
        committedAt: new Date(start + 5),
        batch,
        position: 1,
        changes: 1,
        sizeBytes: 2,
      },
      ...{ digest: Buffer.from(''), chain: Buffer.from(''), actorKind: 'device', actorId: tablet, traceId },
    },
  })
  await own.db.feedChange.create({
    data: {
      ...{
        scope: 'site-1',
        batch,
        ordinal: 0,
        committedAt: new Date(start + 5),
        table: 'inspections',
        recordId,
      },
      ...{ operation: 'UPDATE', effect: 'NONE', outcome: 'conflict', beforeVersion: 4, afterVersion: 4 },
      ...{ checksum: '', hlc: '', vector: {}, rule: {}, conflictId },
    },
  })
  const detail = await getSync(actor, ids[0]!)
  expect(syncDetailSchema.parse(detail)).toEqual(detail)
  expect(detail.spans.map((each) => [each.id, each.parent_id, each.offset_ms])).toEqual([
    ['1', null, 1],
    ['3', '1', 2],
    ['2', '1', 3],
  ])
  expect(detail.touched).toMatchObject([
    { record_id: recordId, outcome: 'conflict', conflict_id: conflictId },
  ])
  expect(detail.siblings.map((each) => each.id)).toEqual([ids[1]])
})

test('a sync that is not there is not found', async () => {
  await expect(getSync(actor, randomUUID())).rejects.toMatchObject({ code: 'not_found' })
  await expect(getSync(actor, 'x')).rejects.toMatchObject({ code: 'not_found' })
})
