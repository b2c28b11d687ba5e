import { AppError, errorCodes, type Problem, type ProblemExtras } from '#lib/protocol/errors.ts'

/** JSON reply. `undefined` members are left out, as JSON does. */
export function json(
  body: unknown,
  init: { status?: number; headers?: Record<string, string> } = {},
): Response {
  return jsonText(JSON.stringify(body), init)
}

/** The same for a body that is JSON text already. */
export function jsonText(
  body: string,
  init: { status?: number; headers?: Record<string, string> } = {},
): Response {
  return new Response(body, {
    status: init.status ?? 200,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      ...init.headers,
    },
  })
}

/** RFC 9457 reply of an expected failure; anything that is not an AppError is answered as `internal`, without its text. */
export function problem(error: unknown, traceId: string): Response {
  const known = error instanceof AppError ? error : new AppError('internal', internalDetail, { cause: error })
  const { status, retryable, title } = errorCodes[known.code]
  const extras: ProblemExtras = { ...known.extras }
  if (known.code === 'unavailable' && extras.retry_after_ms === undefined) {
    extras.retry_after_ms = jitteredRetryMs(2_000)
  }
  const body: Problem = {
    type: `urn:holdfast:error:${known.code}`,
    title,
    status,
    detail: known.message,
    code: known.code,
    retryable,
    trace_id: traceId,
    ...extras,
  }
  return jsonText(JSON.stringify(body), {
    status,
    headers: {
      ...known.headers,
      'content-type': 'application/problem+json; charset=utf-8',
      ...(extras.retry_after_ms === undefined
        ? {}
        : { 'retry-after': String(Math.max(1, Math.ceil(extras.retry_after_ms / 1000))) }),
    },
  })
}

const internalDetail =
  'This is a fault of the server. Nothing that was acknowledged is lost; quote the trace id when you report it.'

/** Between half and one and a half times the mean, so that a fleet does not come back at one instant. */
export function jitteredRetryMs(meanMs: number): number {
  return Math.round(meanMs * (0.5 + Math.random()))
}
