import { type AppError, errorCodes, type Problem, type ProblemExtras } from '#lib/protocol/errors.ts'

/** JSON reply. `undefined` members are left out, as JSON does. */
export function json(
  body: unknown,
  init: { status?: number; headers?: Record<string, string> } = {},
): Response {
  return jsonText(JSON.stringify(body), init)
}

const texts = new WeakMap<Response, string>()

/** The same for a body that is JSON text already. */
export function jsonText(
  body: string,
  init: { status?: number; headers?: Record<string, string> } = {},
): Response {
  const reply = new Response(body, {
    status: init.status ?? 200,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      ...init.headers,
    },
  })
  texts.set(reply, body)
  return reply
}

/** The body of a reply that was made from text, so that nobody has to read it back out of a stream. */
export function textOf(reply: Response): string | null {
  return texts.get(reply) ?? null
}

/** RFC 9457 reply of a failure. */
export function problem(error: AppError, traceId: string): Response {
  const { status, retryable, title } = errorCodes[error.code]
  const extras: ProblemExtras = { ...error.extras }
  if (status >= 503 && extras.retry_after_ms === undefined) {
    extras.retry_after_ms = jitteredRetryMs(2_000)
  }
  const body: Problem = {
    type: `urn:holdfast:error:${error.code}`,
    title,
    status,
    detail: error.message,
    code: error.code,
    retryable,
    trace_id: traceId,
    ...extras,
  }
  return jsonText(JSON.stringify(body), {
    status,
    headers: {
      ...error.headers,
      'content-type': 'application/problem+json; charset=utf-8',
      ...(extras.retry_after_ms === undefined
        ? {}
        : { 'retry-after': String(Math.max(1, Math.ceil(extras.retry_after_ms / 1000))) }),
    },
  })
}

/** Between half and one and a half times the mean, so that a fleet does not come back at one instant. */
export function jitteredRetryMs(meanMs: number, random: () => number = Math.random): number {
  return Math.round(meanMs * (0.5 + random()))
}
