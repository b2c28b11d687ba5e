import { type AppError, errorCodes, type Problem, type ProblemExtras } from '#lib/protocol/errors.ts'

/** What a route gives: a web `Response` where it streams or says no more than a status, else text. */
export type Reply = Response | TextReply

type TextReplyInit = { status?: number; headers?: Record<string, string> }

/**
 * A reply whose body is text, in one or more parts that stand in memory already. `node-door.ts` sends them as they are;
 * only Next needs a `Response`, which costs another copy of the body.
 */
export class TextReply {
  readonly status: number
  readonly headers: Map<string, string>
  readonly parts: readonly string[]

  constructor(parts: readonly string[], { status = 200, headers = {} }: TextReplyInit = {}) {
    this.status = status
    this.headers = new Map(Object.entries(headers))
    this.parts = parts
  }

  toResponse(): Response {
    return new Response(this.parts.join(''), { status: this.status, headers: [...this.headers] })
  }
}

/** JSON reply. `undefined` members are left out, as JSON does. */
export function json(body: unknown, init?: TextReplyInit): TextReply {
  return jsonText([JSON.stringify(body)], init)
}

/** The same for a body that is JSON text already. */
export function jsonText(parts: readonly string[], { status, headers }: TextReplyInit = {}): TextReply {
  return new TextReply(parts, {
    ...(status !== undefined && { status }),
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      ...headers,
    },
  })
}

/** RFC 9457 reply of a failure. */
export function problem(error: AppError, traceId: string): TextReply {
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
  return json(body, {
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
