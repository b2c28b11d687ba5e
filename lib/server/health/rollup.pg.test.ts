import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { defaultHealthThresholds, deviceHealth } from '#lib/core/health.ts'
import type { Prisma } from '../generated/prisma/client.ts'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { repairRollups, rollUp } from './rollup.ts'
import { healthStateSql, isActiveSql, isSyncingSql, lagSecondsSql } from './state-sql.ts'

let own: TestDatabase
beforeAll(async () => {
  own = await testDatabase()
  process.env['DATABASE_URL'] = own.url
})
afterAll(() => own.close())
beforeEach(async () => {
  for (const table of [
    'device',
    'device_health',
    'sync_session',
    'sync_rollup',
    'fleet_rollup',
    'setting',
    'conflict',
  ]) {
    await own.db.$executeRawUnsafe(`DELETE FROM ${table}`)
  }
})

const now = new Date('2026-11-22T12:00:30.000Z')
const secondsAgo = (seconds: number) => new Date(now.getTime() - seconds * 1_000)

function session(fields: Partial<Prisma.SyncSessionCreateManyInput>): Prisma.SyncSessionCreateManyInput {
  return {
    id: randomUUID(),
    startedAt: secondsAgo(60),
    deviceId: randomUUID(),
    durationMs: 40,
    status: 200,
    outcome: 'ok',
    pushed: 10,
    applied: 9,
    conflicts: 1,
    requestBytes: 5_000,
    scopes: ['site-1', 'site-2'],
    appVersion: '3.4.1',
    lagSeconds: 100,
    tables: { inspections: { pushed: 10, conflicts: 1, rejected: 0, strategy: 'merge' } },
    ...fields,
  }
}

const minutes = (dimension: string, key: string) =>
  own.db.syncRollup.findMany({ where: { resolution: 'minute', dimension, key }, orderBy: { bucket: 'asc' } })
const everything = () =>
  own.db.syncRollup.findMany({
    orderBy: [{ resolution: 'asc' }, { bucket: 'asc' }, { dimension: 'asc' }, { key: 'asc' }],
  })

test('sessions are folded by minute and hour, for all and by scope, app version and table', async () => {
  await own.db.syncSession.createMany({
    data: [
      session({}),
      session({
        status: 503,
        outcome: 'failed',
        pushed: 0,
        applied: 0,
        conflicts: 0,
        tables: {},
        lagSeconds: 4_000,
      }),
      session({ startedAt: secondsAgo(120), scopes: ['site-1'] }),
    ],
  })
  expect(await rollUp(now)).toBe(true)
  const all = await minutes('all', '')
  expect(all).toHaveLength(2)
  expect(all[1]).toMatchObject({
    attempts: 2,
    failures: 1,
    pushed: 10,
    accepted: 9,
    conflicts: 1,
    maxLagSeconds: 4_000,
  })
  expect(all[1]?.lag).toEqual([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0])
  expect(all[1]?.duration.indexOf(2)).toBe(3)
  expect(all[1]?.payload.indexOf(2)).toBe(2)
  expect(await minutes('scope', 'site-2')).toMatchObject([{ attempts: 2, pushed: 10 }])
  expect(await minutes('app_version', '3.4.1')).toHaveLength(2)
  expect(await minutes('table', 'inspections')).toMatchObject([
    { attempts: 1, pushed: 10, accepted: 9, conflicts: 1 },
    { attempts: 1, pushed: 10, accepted: 9, conflicts: 1 },
  ])
  const hour = await own.db.syncRollup.findMany({
    where: { resolution: 'hour', dimension: 'all' },
    orderBy: { bucket: 'asc' },
  })
  expect(hour.map(({ bucket, attempts, failures }) => ({ bucket, attempts, failures }))).toEqual([
    { bucket: new Date('2026-11-22T11:00:00Z'), attempts: 3, failures: 1 },
  ])
  expect(hour[0]?.lag).toEqual([0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0])
})

test('folding again, after a crash or by two processes at once, changes nothing', async () => {
  await own.db.syncSession.createMany({
    data: Array.from({ length: 200 }, (_, i) => session({ startedAt: secondsAgo(i * 7) })),
  })
  await rollUp(now)
  const once = await everything()
  await Promise.all([rollUp(now), rollUp(now), rollUp(now)])
  expect(await everything()).toEqual(once)
  // A crash after the watermark was lost: everything is folded from the start.
  await own.db.$executeRaw`DELETE FROM setting`
  await rollUp(now)
  expect(await everything()).toEqual(once)
})

test('a session that arrives before its minute settled is counted by the next roll-up, a later one by the repair', async () => {
  await own.db.syncSession.createMany({ data: [session({ startedAt: secondsAgo(90) })] })
  await rollUp(now)
  await own.db.syncSession.createMany({ data: [session({ startedAt: secondsAgo(90) })] })
  await rollUp(new Date(now.getTime() + 15_000))
  expect(await minutes('all', '')).toMatchObject([{ attempts: 2 }])

  const muchLater = new Date(now.getTime() + 600_000)
  await rollUp(muchLater)
  await own.db.syncSession.createMany({ data: [session({ startedAt: secondsAgo(90) })] })
  await rollUp(muchLater)
  expect(await minutes('all', '')).toMatchObject([{ attempts: 2 }])
  expect(await repairRollups(muchLater)).toBe(1)
  expect(await minutes('all', '')).toMatchObject([{ attempts: 3 }])
  expect(await own.db.syncRollup.findMany({ where: { resolution: 'hour', dimension: 'all' } })).toMatchObject(
    [{ attempts: 3 }],
  )
  expect(await repairRollups(muchLater)).toBe(0)
})

test('the SQL rules of health agree with the pure ones on a fleet of every kind', async () => {
  const pick = <T>(values: readonly T[], i: number, step: number) =>
    values[Math.floor(i / step) % values.length]!
  const devices = Array.from({ length: 1_440 }, (_, i) => ({
    id: randomUUID(),
    status: pick(['active', 'paused', 'revoked'] as const, i, 1),
    lastSync: pick([30, 1_000, 5_000, 200_000, null], i, 3),
    state: pick(['COMPLETE', 'FAILED', 'PUSHING'], i, 15),
    pending: pick([0, 101], i, 45),
    breaker: pick(['closed', 'open'], i, 90),
    skew: pick([0, -61_000], i, 180),
    conflict: pick([null, 100_000, 100], i, 360),
    inProgress: i % 7 === 0,
    enrolled: pick([400_000, 60], i, 1_080),
    silent: i % 11 === 0,
  }))
  await own.db.device.createMany({
    data: devices.map((device, i) => ({
      id: device.id,
      name: `Tablet ${i}`,
      status: device.status,
      tokenHash: Buffer.from(device.id),
      scopes: [`site-${i % 3}`],
      incarnation: randomUUID(),
      enrolledAt: secondsAgo(device.enrolled),
      revokedAt: device.status === 'revoked' ? secondsAgo(100) : null,
    })),
  })
  await own.db.deviceHealth.createMany({
    data: devices
      .filter((device) => !device.silent)
      .map((device) => ({
        deviceId: device.id,
        lastSeenAt: secondsAgo(device.lastSync ?? 20),
        lastSyncAt: device.lastSync === null ? null : secondsAgo(device.lastSync),
        state: device.state,
        inProgress: device.inProgress,
        pending: device.pending,
        breaker: device.breaker,
        clockSkewMs: device.skew,
      })),
  })
  const conflicts = devices.filter((device) => device.conflict !== null)
  await own.db.conflict.createMany({
    data: conflicts.map((device) => ({
      id: randomUUID(),
      code: 'manual',
      scope: 'site-1',
      table: 'inspections',
      recordId: randomUUID(),
      deviceId: device.id,
      opId: randomUUID(),
      operation: 'UPDATE',
      baseVersion: 1,
      clientHlc: '',
      clientVector: {},
      serverVersion: 2,
      serverHlc: '',
      serverVector: {},
      strategy: 'manual',
      createdAt: secondsAgo(device.conflict),
    })),
  })
  const limits = defaultHealthThresholds
  const rows = await own.db.$queryRaw<
    { id: string; state: string; lag: number; active: boolean; syncing: boolean }[]
  >`
    SELECT d.id, ${healthStateSql(now, limits)} AS state, ${lagSecondsSql(now)} AS lag,
      ${isActiveSql(now, limits)} AS active, ${isSyncingSql(now, limits)} AS syncing
    FROM device d LEFT JOIN device_health h ON h.device_id = d.id`
  const byId = new Map(rows.map((row) => [row.id, row]))
  const counts: Record<string, number> = {}
  for (const device of devices) {
    const at = (seconds: number | null) => (seconds === null ? null : now.getTime() - seconds * 1_000)
    const seen = device.silent ? null : at(device.lastSync ?? 20)
    const expected = deviceHealth(
      {
        status: device.status,
        revokedAt: device.status === 'revoked' ? at(100) : null,
        enrolledAt: at(device.enrolled)!,
        lastSeenAt: seen,
        lastSyncAt: device.silent ? null : at(device.lastSync),
        state: device.silent ? 'IDLE' : device.state,
        inProgress: !device.silent && device.inProgress,
        pending: device.silent ? 0 : device.pending,
        breaker: device.silent ? 'closed' : device.breaker,
        clockSkewMs: device.silent ? 0 : device.skew,
        oldestOpenConflictAt: at(device.conflict),
      },
      now.getTime(),
      limits,
    )
    // The device itself is in both, so that a difference tells which kind of device it is.
    expect({ device, ...byId.get(device.id) }).toEqual({
      device,
      id: device.id,
      state: expected.state,
      lag: expected.lagSeconds,
      active: expected.isActive,
      syncing: expected.isSyncing,
    })
    counts[expected.state] = (counts[expected.state] ?? 0) + 1
  }
  expect(Object.keys(counts).toSorted()).toEqual([
    'critical',
    'healthy',
    'paused',
    'revoked',
    'unknown',
    'warning',
  ])

  await rollUp(now)
  const fleet = await own.db.fleetRollup.findMany({ orderBy: { scope: 'asc' } })
  expect(fleet.map((row) => row.scope)).toEqual(['', 'site-0', 'site-1', 'site-2'])
  const { healthy, warning, critical, unknown, paused, revoked } = fleet[0]!
  expect({ healthy, warning, critical, unknown, paused, revoked }).toEqual(counts)
})
