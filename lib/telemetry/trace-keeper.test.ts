import { SpanKind, SpanStatusCode, trace, ROOT_CONTEXT, type Tracer } from '@opentelemetry/api'
import { TracerProvider } from '@opentelemetry/sdk-trace'
import { beforeEach, expect, test, vi } from 'vitest'
import { instruments } from './metrics.ts'
import { keepSyncTraces, type KeptTrace } from './trace-keeper.ts'

let kept: KeptTrace[]
let tracer: Tracer
let flush: () => Promise<void>

beforeEach(() => {
  // One second, so that a rate of so many a second is a number.
  vi.useFakeTimers({ toFake: ['Date'], now: 1_700_000_000_000 })
  kept = []
  start(async (traces) => void kept.push(...traces))
  return () => vi.useRealTimers()
})

function start(keep: (traces: KeptTrace[]) => Promise<void>): void {
  const provider = new TracerProvider({ spanProcessors: [keepSyncTraces(keep)] })
  tracer = provider.getTracer('test')
  flush = () => provider.forceFlush()
}

function sync({ status = 200, outcome = 'ok', name = 'sync.receive', error = false } = {}): void {
  const root = tracer.startSpan(name, { kind: SpanKind.SERVER }, ROOT_CONTEXT)
  const inside = trace.setSpan(ROOT_CONTEXT, root)
  const push = tracer.startSpan('sync.push', {}, inside)
  tracer.startSpan('sync.load', { attributes: { n: 1 } }, trace.setSpan(inside, push)).end()
  push.end()
  root.setAttributes({ 'http.response.status_code': status, 'holdfast.outcome': outcome })
  if (error) root.setStatus({ code: SpanStatusCode.ERROR })
  root.end()
}

test('a request is kept whole, with who called whom', async () => {
  sync()
  await flush()
  expect(kept).toHaveLength(1)
  const [load, push, root] = kept[0]!.spans
  expect(root).toMatchObject({ name: 'sync.receive', parentId: null })
  expect(push).toMatchObject({ name: 'sync.push', parentId: root!.id })
  expect(load).toMatchObject({ name: 'sync.load', parentId: push!.id, attributes: { n: 1 }, failed: false })
})

test('only syncs are kept', async () => {
  sync({ name: 'device.list' })
  await flush()
  expect(kept).toEqual([])
})

test('of those that go as usual a few a second are kept, of the others many more', async () => {
  for (let i = 0; i < 300; i++) sync()
  await flush()
  expect(kept).toHaveLength(5)
  kept = []
  for (let i = 0; i < 300; i++) sync({ status: 503, outcome: 'failed', error: true })
  await flush()
  expect(kept).toHaveLength(20)
  vi.setSystemTime(1_700_000_001_000)
  kept = []
  sync({ outcome: 'partial' })
  sync()
  await flush()
  expect(kept).toHaveLength(2)
})

test('what cannot be written is counted and not thrown', async () => {
  start(() => Promise.reject(new Error('no database')))
  const lost = async () =>
    (await instruments().traces.get()).values.find(({ labels }) => labels.outcome === 'lost')?.value ?? 0
  const before = await lost()
  sync()
  await expect(flush()).resolves.toBeUndefined()
  expect((await lost()) - before).toBe(1)
})

test('requests that never end do not fill the memory', async () => {
  const first = tracer.startSpan('sync.receive', {}, ROOT_CONTEXT)
  for (let i = 0; i < 2_000; i++) tracer.startSpan('sync.receive', {}, ROOT_CONTEXT)
  first.end()
  await flush()
  expect(kept).toEqual([])
  sync()
  await flush()
  expect(kept).toHaveLength(1)
})
