import { trace } from '@opentelemetry/api'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Tracing } from '#lib/telemetry/trace.ts'
import { POST } from '../../../app/api/v1/sync/route.ts'
import { systemActor } from '../actor.ts'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { startOtlpReceiver } from '../testing/otlp-receiver.ts'
import { putPolicy, RawDevice } from '../testing/raw-device.ts'
import { getSync } from './get.ts'
import { startSyncTracing } from './keep-traces.ts'
import { listSyncs } from './list.ts'
import { syncsQuerySchema } from '#lib/protocol/syncs.ts'

let own: TestDatabase
let receiver: Awaited<ReturnType<typeof startOtlpReceiver>>
let tracing: Tracing
let device: RawDevice

beforeAll(async () => {
  own = await testDatabase()
  process.env['DATABASE_URL'] = own.url
  receiver = await startOtlpReceiver()
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = receiver.url
  tracing = startSyncTracing()
  await putPolicy(own.db, { name: 'things' })
  device = await RawDevice.enrol(own.db)
})
afterAll(async () => {
  await tracing.stop()
  await receiver.stop()
  await own.close()
})
beforeEach(() => {
  receiver.spans.length = 0
})

function send(body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return POST(
    new Request('http://127.0.0.1/api/v1/sync', {
      method: 'POST',
      headers: { authorization: `Bearer ${device.token}`, 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    }),
  )
}

const callersTrace = '0af7651916cd43dd8448eb211c80319c'
const callersSpan = 'b7ad6b7169203331'

test('a collector gets one connected trace of a sync, on top of the caller’s', async () => {
  const reply = await send(device.envelope([device.change(), device.change()]), {
    traceparent: `00-${callersTrace}-${callersSpan}-01`,
  })
  expect(reply.status).toBe(200)
  expect(reply.headers.get('traceparent')).toContain(callersTrace)
  const answer = (await reply.json()) as { trace_id: string; sync_token: string; accepted: unknown[] }
  expect(answer.accepted).toHaveLength(2)
  device.syncToken = answer.sync_token
  await tracing.flush()

  expect(receiver.requests[0]).toEqual({ path: '/v1/traces', type: 'application/x-protobuf' })
  const { spans } = receiver
  expect(new Set(spans.map((span) => span.traceId))).toEqual(new Set([callersTrace]))
  expect(answer.trace_id).toBe(callersTrace)
  expect(new Set(spans.map((span) => span.service))).toEqual(new Set(['holdfast']))
  expect(spans.map((span) => span.name)).toEqual(
    expect.arrayContaining([
      'sync.receive',
      'sync.load',
      'sync.dedupe',
      'sync.decide',
      'sync.write',
      'sync.commit',
      'sync.pull',
    ]),
  )
  // Connected: every parent is there, but for the caller's.
  const ids = new Set(spans.map((span) => span.spanId))
  const root = spans.find((span) => span.parentSpanId === callersSpan)
  expect(root?.name).toBe('sync.receive')
  expect(spans.filter((span) => span !== root && !ids.has(span.parentSpanId))).toEqual([])
  // No span per change, and each within its parent.
  expect(spans.length).toBeLessThan(12)
  const tolerance = 2_000_000n
  for (const span of spans) {
    expect(span.startNanos).toBeGreaterThanOrEqual(root!.startNanos - tolerance)
    expect(span.endNanos).toBeLessThanOrEqual(root!.endNanos + tolerance)
  }
  expect(root?.attributes).toMatchObject({
    'http.response.status_code': 200,
    'holdfast.device.id': device.id,
    'holdfast.tables': ['things'],
    'holdfast.changes': 2,
    'holdfast.accepted': 2,
    'holdfast.conflicts': 0,
    'holdfast.outcome': 'ok',
  })
  expect(root?.attributes['holdfast.request.bytes']).toBeGreaterThan(200)
})

test('without a traceparent a sync has a trace of its own', async () => {
  const reply = await send(device.envelope([]))
  await tracing.flush()
  const { trace_id: traceId } = (await reply.json()) as { trace_id: string }
  expect(traceId).toMatch(/^[0-9a-f]{32}$/)
  expect(new Set(receiver.spans.map((span) => span.traceId))).toEqual(new Set([traceId]))
  expect(receiver.spans.filter((span) => span.parentSpanId === '')).toHaveLength(1)
})

test('the console shows the same spans with no collector, those of a failed sync too', async () => {
  const reply = await send('{ "protocol": 1, ')
  expect(reply.status).toBe(400)
  await tracing.flush()
  const actor = systemActor('test')
  const { items } = await listSyncs(actor, syncsQuerySchema.parse({ sort: 'started_at' }))
  expect(items.map((item) => item.outcome)).toEqual(['ok', 'ok', 'failed'])
  const first = await getSync(actor, items[0]!.id)
  expect(first.trace_id).toBe(callersTrace)
  expect(first.spans[0]).toMatchObject({ name: 'sync.receive', parent_id: callersSpan })
  expect(first.spans.map((span) => span.name)).toContain('sync.pull')
  expect(first.touched.map(({ table, outcome }) => ({ table, outcome }))).toEqual([
    { table: 'things', outcome: 'applied' },
    { table: 'things', outcome: 'applied' },
  ])
  const failed = await getSync(actor, items[2]!.id)
  expect(failed.error_code).toBe('malformed')
  expect(failed.spans[0]?.attributes).toMatchObject({
    'http.response.status_code': 400,
    'error.type': 'malformed',
  })
})

test('spans of others, such as Next’s own, are not recorded and do not break the trace', async () => {
  await trace.getTracer('next.js').startActiveSpan('render', async (span) => {
    await send(device.envelope([]), { traceparent: `00-${callersTrace}-${callersSpan}-01` })
    span.end()
  })
  await tracing.flush()
  expect(receiver.spans.map((span) => span.name)).not.toContain('render')
  expect(receiver.spans.find((span) => span.name === 'sync.receive')?.parentSpanId).toBe(callersSpan)
})
