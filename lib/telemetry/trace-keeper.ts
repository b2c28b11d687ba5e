import { SpanStatusCode, type Attributes, type HrTime } from '@opentelemetry/api'
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace'
import { traceCounters } from './metrics.ts'

/** One span as the console's waterfall draws it. */
export type KeptSpan = {
  id: string
  parentId: string | null
  name: string
  /** Milliseconds since the epoch, with a fraction. */
  startMs: number
  durationMs: number
  failed: boolean
  attributes: Attributes
}

/** The spans of one request of a sync. Several requests of a sync may share a trace. */
export type KeptTrace = { traceId: string; startedAt: Date; spans: KeptSpan[] }

/** A sync that went wrong or took long is kept before one that was as usual. */
const slowMs = 1_000
const usualPerSecond = 5
const unusualPerSecond = 20
const flushAfterMs = 500
/** A request holds at most this many spans; more would be a loop that makes a span per change. */
const maxSpansPerRequest = 100
/** Requests whose root never ends must not fill the memory. */
const maxOpenRequests = 2_000

type OpenRequest = { rootId: string; spans: KeptSpan[] }

/**
 * Keeps the spans of syncs in our own store, so that the console can show a waterfall with no tracer installed:
 * whole requests, chosen when they end (all the failed and slow ones up to a rate, some of the others), written in
 * batches off the request's way. What cannot be written is counted, never thrown.
 */
export function keepSyncTraces(keep: (traces: KeptTrace[]) => Promise<void>): SpanProcessor {
  const open = new Map<string, OpenRequest>()
  const byRoot = new Map<string, string[]>()
  const usual = ratePerSecond(usualPerSecond)
  const unusual = ratePerSecond(unusualPerSecond)
  let waiting: KeptTrace[] = []
  let timer: NodeJS.Timeout | null = null
  let writing: Promise<void> = Promise.resolve()

  function flush(): Promise<void> {
    if (timer) clearTimeout(timer)
    timer = null
    const batch = waiting
    waiting = []
    if (batch.length === 0) return writing
    writing = writing.then(() => write(batch))
    return writing
  }

  async function write(batch: KeptTrace[]): Promise<void> {
    try {
      await keep(batch)
      traceCounters.kept(batch.length)
    } catch {
      traceCounters.lost(batch.length)
    }
  }

  function close(request: OpenRequest): void {
    for (const id of byRoot.get(request.rootId) ?? []) open.delete(id)
    byRoot.delete(request.rootId)
  }

  return {
    onStart(span) {
      const { spanId } = span.spanContext()
      const parent = span.parentSpanContext
      const above = parent && !parent.isRemote ? open.get(parent.spanId) : undefined
      if (!above && span.name !== 'sync.receive') return
      if (above) {
        open.set(spanId, above)
        byRoot.get(above.rootId)?.push(spanId)
        return
      }
      const oldest = byRoot.size >= maxOpenRequests ? byRoot.keys().next().value : undefined
      if (oldest !== undefined) close({ rootId: oldest, spans: [] })
      open.set(spanId, { rootId: spanId, spans: [] })
      byRoot.set(spanId, [spanId])
    },
    onEnd(span) {
      const { spanId, traceId } = span.spanContext()
      const request = open.get(spanId)
      if (!request) return
      if (request.spans.length < maxSpansPerRequest) request.spans.push(describe(span))
      if (spanId !== request.rootId) return
      close(request)
      const allowed = isUnusual(span) ? unusual() : usual()
      if (!allowed) return traceCounters.skipped(1)
      waiting.push({ traceId, startedAt: new Date(toMs(span.startTime)), spans: request.spans })
      timer ??= setTimeout(() => void flush(), flushAfterMs).unref()
    },
    forceFlush: flush,
    shutdown: flush,
  }
}

function isUnusual(root: ReadableSpan): boolean {
  const status = root.attributes['http.response.status_code']
  const outcome = root.attributes['holdfast.outcome']
  return (
    root.status.code === SpanStatusCode.ERROR ||
    (typeof status === 'number' && status >= 400) ||
    (outcome !== undefined && outcome !== 'ok') ||
    toMs(root.duration) > slowMs
  )
}

function describe(span: ReadableSpan): KeptSpan {
  return {
    id: span.spanContext().spanId,
    parentId: span.parentSpanContext?.spanId ?? null,
    name: span.name,
    startMs: toMs(span.startTime),
    durationMs: toMs(span.duration),
    failed: span.status.code === SpanStatusCode.ERROR,
    attributes: span.attributes,
  }
}

function toMs([seconds, nanos]: HrTime): number {
  return seconds * 1_000 + nanos / 1_000_000
}

/** @returns whether one more is allowed in this second */
function ratePerSecond(limit: number): () => boolean {
  let second = 0
  let used = 0
  return () => {
    const now = Math.floor(Date.now() / 1_000)
    if (now !== second) {
      second = now
      used = 0
    }
    return used++ < limit
  }
}
