import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { lamportClock } from '#lib/core/lamport.ts'
import { GET } from '../../../app/metrics/route.ts'
import { recordSync } from '../syncs/record.ts'
import { noCounts } from '../syncs/session.ts'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { checkMetrics, findPromtool } from '../testing/promtool.ts'
import { rollUp } from './rollup.ts'

let own: TestDatabase
const traceId = 'a'.repeat(32)
const deviceId = randomUUID()

beforeAll(async () => {
  own = await testDatabase()
  process.env['DATABASE_URL'] = own.url
  await own.db.device.create({
    data: {
      id: deviceId,
      name: 'Tablet 1',
      tokenHash: Buffer.from('x'),
      scopes: ['site-1'],
      incarnation: randomUUID(),
    },
  })
  const request = (status: number, pushed: number, conflicts: number) =>
    recordSync({
      ...{
        id: randomUUID(),
        syncId: randomUUID(),
        clock: lamportClock(),
        deviceId,
        incarnation: null,
        startedAt: new Date(),
        durationMs: 70,
      },
      ...{
        status,
        errorCode: status === 200 ? null : 'unavailable',
        resync: null,
        requestBytes: 5_000,
        responseBytes: 9,
      },
      counts: { ...noCounts, pushed, conflicts, applied: pushed - conflicts },
      tables: pushed ? { inspections: { pushed, conflicts, rejected: 0, strategy: 'merge' } } : {},
      ...{
        scopes: ['site-1'],
        appVersion: '1',
        traceId,
        clockSkewMs: 0,
        acknowledged: null,
        inProgress: false,
      },
      reported: { state: 'IDLE', pending: 70, pending_by_priority: { critical: 20, normal: 45, bulk: 5 } },
    })
  for (let i = 0; i < 3; i++) await request(200, 10, 1)
  await request(503, 0, 0)
  await rollUp()
})
afterAll(() => own.close())
afterEach(() => {
  delete process.env['HOLDFAST_METRICS_TOKEN']
})

async function scrape(headers: Record<string, string> = {}): Promise<Response> {
  return GET(new Request('http://127.0.0.1/metrics', { headers }))
}

test('the six metrics are there by their names, and true', async () => {
  const lines = (await (await scrape()).text()).split('\n')
  expect(lines).toEqual(
    expect.arrayContaining([
      '# TYPE sync_lag_seconds histogram',
      'sync_lag_seconds_bucket{le="3600"} 1',
      'sync_lag_seconds_count 1',
      'holdfast_full_syncs{state="admitted"} 0',
      '# TYPE sync_lag_worst_seconds gauge',
      '# TYPE sync_failure_rate gauge',
      'sync_failure_rate 0.25',
      '# TYPE sync_attempts_total counter',
      'sync_attempts_total{outcome="failed"} 1',
      'sync_attempts_total{outcome="partial"} 3',
      '# TYPE conflict_rate gauge',
      'conflict_rate 0.1',
      'sync_conflicts_total{table="inspections",strategy="merge"} 3',
      '# TYPE queue_depth gauge',
      'queue_depth{priority="critical"} 20',
      'queue_depth{priority="normal"} 45',
      'queue_depth{priority="bulk"} 5',
      '# TYPE payload_size_bytes histogram',
      'payload_size_bytes_bucket{le="16000"} 4',
      '# TYPE sync_duration_seconds histogram',
      'sync_duration_seconds_count 4',
      'holdfast_devices{state="healthy"} 1',
    ]),
  )
  expect(lines.some((line) => line.startsWith('process_cpu_seconds_total '))).toBe(true)
})

test('no device is a label', async () => {
  expect(await (await scrape()).text()).not.toContain(deviceId)
})

test('OpenMetrics is given to who asks for it, with the trace of a sync as exemplar', async () => {
  const reply = await scrape({ accept: 'application/openmetrics-text; version=1.0.0' })
  expect(reply.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8')
  const text = await reply.text()
  expect(text).toMatch(
    new RegExp(`sync_duration_seconds_bucket\\{le="0.1"\\} 4 # \\{trace_id="${traceId}"\\} 0.07 \\d+`),
  )
  expect(text).toContain('# TYPE sync_attempts counter')
  expect(text.endsWith('# EOF\n')).toBe(true)
})

test('the classic text is the same after an OpenMetrics scrape', async () => {
  await scrape({ accept: 'application/openmetrics-text' })
  const text = await (await scrape()).text()
  expect(text).toContain('# TYPE sync_attempts_total counter')
  expect(text).not.toMatch(/ # \{|# EOF/)
})

test('with a token, only who knows it may scrape', async () => {
  process.env['HOLDFAST_METRICS_TOKEN'] = 'metrics-secret'
  expect((await scrape()).status).toBe(401)
  expect((await scrape({ authorization: 'Bearer wrong' })).status).toBe(401)
  expect((await scrape({ authorization: 'Bearer metrics-secret' })).status).toBe(200)
})

test('promtool finds nothing wrong with it', async (context) => {
  const promtool = await findPromtool()
  if (!promtool)
    return context.skip('promtool is not on the PATH, and Debian’s package of it is not to be had')
  const { code, said } = await checkMetrics(promtool, await (await scrape()).text())
  // What prom-client itself declares about the process is not ours to name.
  const ours = said.split('\n').filter((line) => line && !/^(nodejs|process)_/.test(line))
  expect(ours).toEqual([])
  expect([0, 3]).toContain(code)
})

test('promtool does find what is wrong', async (context) => {
  const promtool = await findPromtool()
  if (!promtool) return context.skip('promtool is not to be had')
  expect((await checkMetrics(promtool, 'sync_attempts{a="b" 1\n')).code).toBe(1)
})
