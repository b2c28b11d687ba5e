import {
  context,
  propagation,
  SpanStatusCode,
  trace,
  ProxyTracerProvider,
  type Attributes,
  type Span,
  type Tracer,
} from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, TracerProvider, type SpanProcessor } from '@opentelemetry/sdk-trace'
import { keepSyncTraces, type KeptTrace } from './trace-keeper.ts'

/** Every span of ours. `sync.receive` is the root of a sync; the others lie under it. */
export type SpanName =
  | 'sync.receive'
  | 'sync.push'
  | 'sync.dedupe'
  | 'sync.load'
  | 'sync.decide'
  | 'sync.write'
  | 'sync.commit'
  | 'sync.pull'
  | 'sync.snapshot'
  | 'sync.digest'

/** Names of the attributes that spans of a sync carry. Counts and bytes; never a record's content. */
export const spanAttributes = {
  deviceId: 'holdfast.device.id',
  scopes: 'holdfast.scopes',
  tables: 'holdfast.tables',
  changes: 'holdfast.changes',
  accepted: 'holdfast.accepted',
  conflicts: 'holdfast.conflicts',
  rejected: 'holdfast.rejected',
  replayed: 'holdfast.replayed',
  pulled: 'holdfast.pulled',
  attempts: 'holdfast.attempts',
  requestBytes: 'holdfast.request.bytes',
  responseBytes: 'holdfast.response.bytes',
  outcome: 'holdfast.outcome',
} as const

const scopeName = 'holdfast'

/**
 * Runs `work` inside a span under the active one. What it throws marks the span as failed and is thrown on.
 * Without a tracer this costs next to nothing. Never call it once per change: per batch.
 */
export function withSpan<T>(name: SpanName, attributes: Attributes, work: (span: Span) => T): T {
  return trace.getTracer(scopeName).startActiveSpan(name, { attributes }, (span) => {
    let result: T
    try {
      result = work(span)
    } catch (error) {
      endFailed(span, error)
      throw error
    }
    if (!isThenable(result)) {
      span.end()
      return result
    }
    return result.then(
      (value: unknown) => {
        span.end()
        return value
      },
      (error: unknown) => {
        endFailed(span, error)
        throw error
      },
    ) as T
  })
}

/** Prisma's promises are thenables of their own, not instances of Promise. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function endFailed(span: Span, error: unknown): void {
  const failure = error instanceof Error ? error : new Error(String(error))
  span.recordException(failure)
  span.setStatus({ code: SpanStatusCode.ERROR, message: failure.name })
  span.end()
}

/**
 * Adds a span under the active one that ends now: for a part of what was done elsewhere, such as the commit at the
 * end of a database call, whose length is known only afterwards. Exact to the millisecond.
 */
export function tailSpan(name: SpanName, durationMs: number): void {
  const now = Date.now()
  trace
    .getTracer(scopeName)
    .startSpan(name, { startTime: now - Math.max(0, durationMs) })
    .end(now)
}

/** Trace id of the active span, or null outside any. */
export function activeTraceId(): string | null {
  const span = trace.getActiveSpan()
  if (!span) return null
  const { traceId } = span.spanContext()
  return /^0+$/.test(traceId) ? null : traceId
}

export type Tracing = {
  /** Sends what is buffered: for tests and for the end of the process. */
  flush: () => Promise<void>
  stop: () => Promise<void>
}

const holder = globalThis as { holdfastTracing?: Tracing }

/**
 * Starts tracing in this process, once: W3C context in, OTLP/HTTP protobuf out where `OTEL_EXPORTER_OTLP_ENDPOINT`
 * (or `…_TRACES_ENDPOINT`) is set, and the spans of recent syncs to `keep`. Nothing with `OTEL_SDK_DISABLED=true`.
 */
export function startTracing(keep: (traces: KeptTrace[]) => Promise<void>): Tracing {
  holder.holdfastTracing ??= create(keep)
  return holder.holdfastTracing
}

function create(keep: (traces: KeptTrace[]) => Promise<void>): Tracing {
  const processors: SpanProcessor[] = [keepSyncTraces(keep)]
  if (process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] || process.env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']) {
    processors.push(new BatchSpanProcessor({ exporter: new OTLPTraceExporter(), maxQueueSize: 8_192 }))
  }
  // As OpenTelemetry defines it: no spans, but the caller's trace still goes on.
  const isDisabled = process.env['OTEL_SDK_DISABLED'] === 'true'
  const resource = defaultResource().merge(
    resourceFromAttributes({
      'service.name': process.env['OTEL_SERVICE_NAME'] ?? 'holdfast',
      'service.instance.id': crypto.randomUUID(),
    }),
  )
  const provider = new TracerProvider({ resource, spanProcessors: processors })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  trace.setGlobalTracerProvider({
    getTracer: (name) => (name === scopeName && !isDisabled ? provider.getTracer(name) : silent),
  })
  return {
    flush: () => provider.forceFlush(),
    stop: async () => {
      delete holder.holdfastTracing
      await provider.shutdown()
      trace.disable()
      context.disable()
      propagation.disable()
    },
  }
}

/**
 * For tracers that are not ours. Next makes several spans for each request, which would cost more than the six of a
 * sync and would stand between a device's `traceparent` and the sync it names.
 */
const silent: Tracer = new ProxyTracerProvider().getTracer('silent')
