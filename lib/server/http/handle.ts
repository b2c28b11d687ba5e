import { randomBytes } from 'node:crypto'
import { context, propagation, SpanKind, SpanStatusCode, trace, type Span } from '@opentelemetry/api'
import { errorCodes } from '#lib/protocol/errors.ts'
import type { ApiRequest } from './api-request.ts'
import { expectedError } from './expected-error.ts'
import { logger } from '#lib/telemetry/log.ts'
import { apiContentSecurityPolicy } from './content-security-policy.ts'
import { problem, type Reply, type TextReply } from './reply.ts'

export type Handled = { request: ApiRequest; span: Span; traceId: string }

/**
 * The frame of every API route: continues the caller's trace, answers errors as problems, says the trace in the reply.
 * @param name of the root span, such as `sync.receive`
 */
export async function handle(
  request: ApiRequest,
  name: string,
  answer: (handled: Handled) => Promise<Reply>,
): Promise<Reply> {
  const parent = propagation.extract(context.active(), request.headers, {
    get: (headers, key) => headers.get(key) ?? undefined,
    keys: (headers) => [...headers.keys()],
  })
  const span = trace.getTracer('holdfast').startSpan(name, { kind: SpanKind.SERVER }, parent)
  const recorded = trace.isSpanContextValid(span.spanContext())
  const traceId = recorded ? span.spanContext().traceId : randomBytes(16).toString('hex')
  const spanId = recorded ? span.spanContext().spanId : randomBytes(8).toString('hex')
  span.setAttributes({ 'http.request.method': request.method, 'url.path': new URL(request.url).pathname })

  const reply = await context.with(trace.setSpan(parent, span), async () => {
    try {
      return await answer({ request, span, traceId })
    } catch (thrown) {
      return answerError(thrown, span, traceId)
    }
  })
  span.setAttribute('http.response.status_code', reply.status)
  span.end()
  reply.headers.set('content-security-policy', apiContentSecurityPolicy)
  reply.headers.set('traceparent', `00-${traceId}-${spanId}-01`)
  return reply
}

function answerError(thrown: unknown, span: Span, traceId: string): TextReply {
  const error = expectedError(thrown)
  const { code } = error
  span.setAttribute('error.type', code)
  if (errorCodes[code].status >= 500) {
    span.recordException(thrown instanceof Error ? thrown : String(thrown))
    span.setStatus({ code: SpanStatusCode.ERROR, message: code })
    logger.error({ event: 'request.failed', trace_id: traceId, code, err: thrown }, 'request failed')
  }
  return problem(error, traceId)
}
