import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { lamportClock } from '#lib/core/lamport.ts'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { recordSync } from './record.ts'
import { noCounts, type SyncRecord } from './session.ts'

let test_: TestDatabase
beforeAll(async () => {
  test_ = await testDatabase()
  process.env['DATABASE_URL'] = test_.url
})
afterAll(() => test_.close())

const start = Date.parse('2026-11-22T08:00:00.000Z')

function syncAt(seconds: number, fields: Partial<SyncRecord> & { deviceId: string }): SyncRecord {
  return {
    id: randomUUID(),
    syncId: randomUUID(),
    clock: lamportClock(),
    incarnation: randomUUID(),
    startedAt: new Date(start + seconds * 1_000),
    durationMs: 20,
    status: 200,
    errorCode: null,
    counts: noCounts,
    tables: {},
    scopes: ['site-1'],
    resync: null,
    requestBytes: 300,
    responseBytes: 200,
    appVersion: '3.4.1',
    traceId: null,
    clockSkewMs: 12,
    reported: null,
    acknowledged: null,
    inProgress: false,
    ...fields,
  }
}

const healthOf = (deviceId: string) => test_.db.deviceHealth.findUniqueOrThrow({ where: { deviceId } })

test('a sync leaves a session, the health of its device and what the device reported', async () => {
  const deviceId = randomUUID()
  await recordSync(
    syncAt(0, {
      deviceId,
      counts: { ...noCounts, pushed: 3, applied: 2, conflicts: 1, settled: 3 },
      tables: { inspections: { pushed: 3, conflicts: 1, rejected: 0, strategy: 'merge' } },
      acknowledged: { 'site-1': 40 },
      inProgress: true,
      reported: {
        state: 'PUSHING',
        pending: 10,
        pending_by_priority: { critical: 1, normal: 8, bulk: 1 },
        oldest_pending_at: '2026-11-22T07:50:00.000Z',
        retries: 2,
        breaker: 'half_open',
        storage_bytes: 1_048_576,
        transitions: [{ at: '2026-11-22T07:59:59.000Z', from: 'CHECKING', to: 'PUSHING' }],
        errors: [{ at: '2026-11-22T07:59:00.000Z', code: 'timeout', detail: 'no answer in 10 s' }],
      },
    }),
  )
  expect(await healthOf(deviceId)).toEqual({
    deviceId,
    lastSeenAt: new Date(start + 20),
    lastSyncAt: new Date(start + 20),
    state: 'PUSHING',
    inProgress: true,
    pending: 7,
    pendingCritical: 0,
    pendingBulk: 1,
    oldestPendingAt: new Date('2026-11-22T07:50:00.000Z'),
    retries: 2,
    breaker: 'half_open',
    storageBytes: 1_048_576n,
    clockSkewMs: 12n,
    lastErrorCode: 'timeout',
    lastErrorAt: new Date('2026-11-22T07:59:00.000Z'),
    acknowledged: { 'site-1': 40 },
  })
  const events = await test_.db.deviceEvent.findMany({ where: { deviceId }, orderBy: { id: 'asc' } })
  expect(events.map(({ kind, code, detail }) => ({ kind, code, detail }))).toEqual([
    { kind: 'error', code: 'timeout', detail: 'no answer in 10 s' },
    { kind: 'transition', code: 'CHECKING>PUSHING', detail: '' },
  ])
  const [session] = await test_.db.syncSession.findMany({ where: { deviceId } })
  expect(session).toMatchObject({ outcome: 'partial', pushed: 3, applied: 2, conflicts: 1, lagSeconds: null })
})

test('lag is the time since the last successful sync, a failed one in between does not count', async () => {
  const deviceId = randomUUID()
  await recordSync(syncAt(0, { deviceId }))
  await recordSync(syncAt(60, { deviceId, status: 503, errorCode: 'unavailable' }))
  await recordSync(syncAt(90, { deviceId }))
  const sessions = await test_.db.syncSession.findMany({ where: { deviceId }, orderBy: { startedAt: 'asc' } })
  expect(sessions.map((session) => session.lagSeconds)).toEqual([null, 59.98, 89.98])
  expect(sessions.map((session) => session.outcome)).toEqual(['ok', 'failed', 'ok'])
  expect(await healthOf(deviceId)).toMatchObject({
    lastErrorCode: 'unavailable',
    lastSyncAt: new Date(start + 90_020),
  })
})

test('health never goes backwards when records arrive out of order', async () => {
  const deviceId = randomUUID()
  const late = {
    state: 'FAILED' as const,
    pending: 500,
    errors: [{ at: '2026-11-22T08:00:01.000Z', code: 'older' }],
  }
  const newest = {
    state: 'IDLE' as const,
    pending: 0,
    errors: [{ at: '2026-11-22T08:00:30.000Z', code: 'newer' }],
  }
  await recordSync(syncAt(60, { deviceId, reported: newest, acknowledged: { a: 9 }, clockSkewMs: 1 }))
  await recordSync(
    syncAt(2, {
      deviceId,
      status: 500,
      reported: late,
      acknowledged: { a: 3 },
      clockSkewMs: 99_000,
      inProgress: true,
    }),
  )
  expect(await healthOf(deviceId)).toMatchObject({
    lastSeenAt: new Date(start + 60_020),
    lastSyncAt: new Date(start + 60_020),
    state: 'COMPLETE',
    pending: 0,
    clockSkewMs: 1n,
    lastErrorCode: 'newer',
    acknowledged: { a: 9 },
    inProgress: false,
  })
})

test('records that arrive together are written together, several of one device too', async () => {
  const devices = Array.from({ length: 20 }, () => randomUUID())
  await Promise.all(
    devices.flatMap((deviceId) =>
      [0, 30, 10, 20].map((seconds) =>
        recordSync(syncAt(seconds, { deviceId, acknowledged: { a: seconds } })),
      ),
    ),
  )
  for (const deviceId of devices) {
    expect(await test_.db.syncSession.count({ where: { deviceId } })).toBe(4)
    expect(await healthOf(deviceId)).toMatchObject({
      lastSeenAt: new Date(start + 30_020),
      acknowledged: { a: 30 },
    })
  }
})

test('a report is bounded, what was left out is told, and the same report twice is kept once', async () => {
  const deviceId = randomUUID()
  const errors = Array.from({ length: 130 }, (_, i) => ({
    at: new Date(start - 200_000 + i * 1_000).toISOString(),
    code: 'timeout',
    detail: `attempt ${i}\0`,
  }))
  await recordSync(syncAt(0, { deviceId, reported: { state: 'IDLE', pending: 0, errors } }))
  await recordSync(syncAt(0, { deviceId, reported: { state: 'IDLE', pending: 0, errors } }))
  const events = await test_.db.deviceEvent.findMany({ where: { deviceId }, orderBy: { id: 'asc' } })
  expect(events).toHaveLength(101)
  expect(events[0]).toMatchObject({ kind: 'error', detail: 'attempt 30' })
  expect(events.at(-1)).toMatchObject({
    kind: 'dropped',
    detail: '30 older entries of a report were not kept',
  })
})

test('a record that cannot be written is not an error of the sync', async () => {
  const deviceId = randomUUID()
  await recordSync(syncAt(0, { deviceId, id: 'not a uuid' }))
  await recordSync(syncAt(1, { deviceId }))
  expect(await test_.db.syncSession.count({ where: { deviceId } })).toBe(1)
  // Nor does it take others with it that are written in one batch.
  const ids = Array.from({ length: 10 }, (_, i) => (i === 5 ? 'not a uuid' : randomUUID()))
  await Promise.all(ids.map((id) => recordSync(syncAt(2, { deviceId, id }))))
  expect(await test_.db.syncSession.count({ where: { deviceId } })).toBe(10)
})
