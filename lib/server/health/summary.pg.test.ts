import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { healthSummarySchema, type HealthSummary } from '#lib/protocol/health.ts'
import { systemActor } from '../actor.ts'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { rollUp } from './rollup.ts'
import { healthSummary } from './summary.ts'

let own: TestDatabase
let summary: HealthSummary
const now = Date.now()
const secondsAgo = (seconds: number) => new Date(now - seconds * 1_000)
const devices = Array.from({ length: 10 }, (_, i) => ({ id: randomUUID(), name: `Tablet ${i}` }))
const [healthy, , , , , , warning, late, paused, revoked] = devices
const failedSync = randomUUID()
const deadLetter = randomUUID()

beforeAll(async () => {
  own = await testDatabase()
  process.env['DATABASE_URL'] = own.url
  await own.db.device.createMany({
    data: devices.map((device) => ({
      ...device,
      tokenHash: Buffer.from(device.id),
      scopes: ['site-1'],
      incarnation: randomUUID(),
      enrolledAt: secondsAgo(500_000),
      status: device === paused ? 'paused' : device === revoked ? 'revoked' : 'active',
      revokedAt: device === revoked ? secondsAgo(10) : null,
    })),
  })
  await own.db.deviceHealth.createMany({
    data: devices.map((device) => {
      const seen = secondsAgo(device === late ? 7_200 : 60)
      return {
        ...{ deviceId: device.id, lastSeenAt: seen, lastSyncAt: seen, pendingCritical: 1 },
        pending: device === warning ? 200 : 1,
        clockSkewMs: device === warning || device === revoked ? -90_000 : 60_000,
        inProgress: device === healthy,
      }
    }),
  })
  const session = (seconds: number, fields: object) => ({
    ...{
      id: randomUUID(),
      deviceId: healthy!.id,
      durationMs: 80,
      status: 200,
      outcome: 'ok',
      scopes: ['site-1'],
    },
    ...{ appVersion: '3.4.1', requestBytes: 2_000, startedAt: secondsAgo(seconds), pushed: 10, applied: 10 },
    ...fields,
  })
  const tables = { inspections: { pushed: 10, conflicts: 2, rejected: 0, strategy: 'merge' } }
  await own.db.syncSession.createMany({
    data: [
      ...Array.from({ length: 7 }, () => session(70, {})),
      session(70, { conflicts: 2, applied: 8, outcome: 'partial', tables }),
      session(70, {
        id: failedSync,
        outcome: 'failed',
        status: 503,
        errorCode: 'unavailable',
        pushed: 0,
        deviceId: late!.id,
      }),
      session(70.001, {
        outcome: 'failed',
        status: 503,
        errorCode: 'unavailable',
        pushed: 0,
        deviceId: late!.id,
      }),
      session(3_700, { appVersion: '2.0.0', scopes: ['site-2'] }),
    ],
  })
  await own.db.deviceEvent.create({
    data: {
      deviceId: warning!.id,
      at: secondsAgo(30),
      kind: 'error',
      code: 'timeout',
      detail: 'no answer in 10 s',
    },
  })
  await own.db.deadLetter.create({
    data: {
      ...{
        id: deadLetter,
        deviceId: healthy!.id,
        code: 'schema_mismatch',
        detail: 'phone is not text',
        change: '{}',
      },
      ...{ fingerprint: 'f', changeHash: Buffer.from('h'), createdAt: secondsAgo(20) },
    },
  })
  const lost = await own.db.lostHistory.create({
    data: { noticedAt: secondsAgo(50), lastIssuedAt: secondsAgo(900) },
  })
  await own.db.lostHistoryDevice.createMany({
    data: [healthy, late].map((device) => ({
      ...{ lostHistoryId: lost.id, deviceId: device!.id, reason: 'token_ahead', scope: 'site-1' },
      ...{ seq: 9, head: 5 },
    })),
  })
  await rollUp(new Date(now - 3_600_000))
  await rollUp(new Date(now))
  summary = await healthSummary(systemActor('test'), { range: '1h' })
})
afterAll(() => own.close())

test('the reply is what the schema says', () => {
  expect(healthSummarySchema.parse(summary)).toEqual(summary)
})

test('devices are counted by state, with shares of those expected to sync', () => {
  const { total, active, syncing, skewed, states } = summary.devices
  expect(total).toBe(10)
  expect(active.now).toBe(9)
  expect(syncing.now).toBe(1)
  expect(skewed.now, 'a revoked device is nobody’s worry').toBe(1)
  expect(
    Object.fromEntries(Object.entries(states).map(([state, figure]) => [state, [figure.now, figure.share]])),
  ).toEqual({
    healthy: [6, 0.75],
    warning: [1, 0.125],
    critical: [1, 0.125],
    unknown: [0, 0],
    paused: [1, null],
    revoked: [1, null],
  })
})

test('rates are over the last five minutes, and an hour ago stands beside them', () => {
  expect(summary.failure_rate).toEqual({ now: 0.2, hour_ago: 0 })
  expect(summary.conflict_rate).toEqual({ now: 2 / 80, hour_ago: 0 })
  expect(summary.syncs_per_minute.now).toBeCloseTo(10 / 4, 0)
})

test('a restore from a backup is told, with the devices that showed it', () => {
  expect(summary.restored).toEqual({
    noticed_at: secondsAgo(50).toISOString(),
    lost_until: secondsAgo(900).toISOString(),
    devices: 2,
  })
})

test('lag and queue are those of the fleet', () => {
  expect(summary.lag.max_seconds.now).toBeGreaterThanOrEqual(7_200)
  expect(summary.lag.p50_seconds.now).toBeLessThan(70)
  expect(summary.queue_depth.total.now).toBe(208)
  expect(summary.queue_depth.critical.now).toBe(9)
})

test('recent failures name the device and lead to what explains them, one line for each fault', () => {
  expect(summary.recent_failures.map((failure) => ({ ...failure, at: 'then' }))).toEqual([
    {
      ...{ at: 'then', kind: 'dead_letter', id: deadLetter, device_id: healthy!.id, device_name: 'Tablet 0' },
      ...{ code: 'schema_mismatch', detail: 'phone is not text', count: 1 },
    },
    {
      ...{ at: 'then', kind: 'device', id: warning!.id, device_id: warning!.id, device_name: 'Tablet 6' },
      ...{ code: 'timeout', detail: 'no answer in 10 s', count: 1 },
    },
    {
      ...{ at: 'then', kind: 'sync', id: failedSync, device_id: late!.id, device_name: 'Tablet 7' },
      ...{ code: 'unavailable', detail: 'Not available right now', count: 2 },
    },
  ])
  expect(summary.dead_letters_open).toBe(1)
})

test('the worst come first', () => {
  expect(summary.worst.scopes[0]).toMatchObject({
    key: 'site-1',
    attempts: 10,
    failures: 2,
    failure_rate: 0.2,
  })
  expect(summary.worst.scopes[0]?.lag_p95_seconds).toBeGreaterThan(60)
  expect(summary.worst.tables).toMatchObject([
    { key: 'inspections', pushed: 10, conflicts: 2, conflict_rate: 0.2 },
  ])
  expect(summary.worst.app_versions[0]?.key).toBe('3.4.1')
})

test('trends have a point for every step, gaps where nothing was measured, and the threshold', () => {
  expect(summary.trends.map(({ metric, threshold }) => [metric, threshold])).toEqual([
    ['lag', 3_600],
    ['failure_rate', 0.05],
    ['conflict_rate', 0.1],
    ['queue_depth', 1_000],
    ['payload', 10_000_000],
    ['duration', 30],
  ])
  for (const { points } of summary.trends) {
    expect(points).toHaveLength(60)
    expect(Date.parse(points[1]!.at) - Date.parse(points[0]!.at)).toBe(60_000)
  }
  const failures = summary.trends[1]!.points.filter((point) => point.values['rate'] !== null)
  expect(failures.map((point) => point.values['rate'])).toContain(0.2)
  expect(failures.length).toBeLessThan(5)
  expect(
    summary.trends[5]!.points.findLast((point) => point.values['p95'] !== null)?.values['p95'],
  ).toBeCloseTo(0.0975)
})

test('every range has its own step', async () => {
  for (const [range, step, points] of [
    ['6h', 300, 72],
    ['24h', 900, 96],
    ['7d', 3_600, 168],
  ] as const) {
    const { step_seconds, trends } = await healthSummary(systemActor('test'), { range })
    expect([step_seconds, trends[0]?.points.length]).toEqual([step, points])
    expect(trends[1]?.points.some((point) => point.values['rate'] !== null)).toBe(true)
  }
})
