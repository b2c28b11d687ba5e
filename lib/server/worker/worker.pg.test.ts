import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { jobs } from './jobs.ts'
import { trimDeviceEvents, trimIdempotencyKeys, trimTraces } from './store.ts'
import { startWorker } from './worker.ts'

let own: TestDatabase
beforeAll(async () => {
  own = await testDatabase()
  process.env['DATABASE_URL'] = own.url
})
afterAll(() => own.close())

test('two workers share the jobs: each slot of a job runs once, and the statistics come about', async () => {
  const owner = new pg.Client({ connectionString: own.url })
  await owner.connect()
  const today = new Date()
  const nextMonth = new Date(Date.UTC(today.getUTCFullYear(), today.getUTCMonth() + 1, 1))
    .toISOString()
    .slice(0, 7)
  const partition = `feed_commit_${nextMonth.replace('-', '_')}`
  await owner.query(`DROP TABLE ${partition}`)
  await owner.query(
    `CREATE TABLE sync_session_2020_01 PARTITION OF sync_session FOR VALUES FROM ('2020-01-01') TO ('2020-02-01')`,
  )
  const workers = [startWorker(own.url), startWorker(own.url)]
  try {
    await Promise.all(workers.map((worker) => worker.ready))
    await vi.waitFor(
      async () => {
        expect(await own.db.fleetRollup.count({ where: { scope: '' } })).toBeGreaterThan(0)
        const { rows } = await owner.query(
          `SELECT to_regclass('${partition}') IS NOT NULL AS made, to_regclass('sync_session_2020_01') IS NULL AS dropped`,
        )
        expect(rows[0]).toEqual({ made: true, dropped: true })
      },
      { timeout: 20_000, interval: 250 },
    )
    const { rows } = await owner.query(
      'SELECT name, singleton_on, count(*)::int AS runs FROM pgboss.job GROUP BY 1, 2 ORDER BY 1',
    )
    expect(new Set(rows.map((row) => row.name))).toEqual(new Set(jobs.map((job) => job.name)))
    expect(rows.filter((row) => row.runs !== 1)).toEqual([])
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()))
    await owner.end()
  }
}, 40_000)

test('traces are bounded by age', async () => {
  const day = 86_400_000
  await own.db.syncTrace.createMany({
    data: [0, 6, 8].map((days) => ({
      traceId: `t${days}`,
      startedAt: new Date(Date.now() - days * day),
      spans: [],
    })),
  })
  expect(await trimTraces()).toBe(1)
  expect((await own.db.syncTrace.findMany()).map((row) => row.traceId).sort()).toEqual(['t0', 't6'])
})

test('what devices report is bounded for each of them', async () => {
  const [chatty, quiet] = [randomUUID(), randomUUID()]
  const event = (deviceId: string, i: number) => ({
    ...{ deviceId, kind: 'error', code: `e${i}`, detail: '' },
    at: new Date(Date.now() - 1_000_000 + i * 1_000),
  })
  await own.db.deviceEvent.createMany({ data: Array.from({ length: 520 }, (_, i) => event(chatty, i)) })
  await own.db.deviceEvent.createMany({ data: [event(quiet, 0)] })
  expect(await trimDeviceEvents()).toBe(20)
  expect(await own.db.deviceEvent.count({ where: { deviceId: quiet } })).toBe(1)
  expect(
    (await own.db.deviceEvent.findFirst({ where: { deviceId: chatty }, orderBy: { id: 'asc' } }))?.code,
  ).toBe('e20')
})

test('answers are forgotten a day after their Idempotency-Key', async () => {
  const key = (name: string, hours: number) => ({
    ...{ actorId: 'a', key: name, requestHash: Buffer.from('x'), status: 200, body: '' },
    createdAt: new Date(Date.now() - hours * 3_600_000),
  })
  await own.db.idempotencyKey.createMany({ data: [key('new', 1), key('old', 25)] })
  expect(await trimIdempotencyKeys()).toBe(1)
})
