import type { Problem } from '#lib/protocol/errors.ts'

/** A write that the server refused, or that never reached it. The message is for people. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem'
  readonly code: string
  readonly status: number
  readonly traceId: string | undefined
  readonly errors: readonly { pointer: string; detail: string }[]

  constructor(problem: {
    code: string
    status: number
    detail: string
    traceId?: string
    errors?: Problem['errors']
  }) {
    super(problem.detail)
    this.code = problem.code
    this.status = problem.status
    this.traceId = problem.traceId
    this.errors = problem.errors ?? []
  }
}

type Write = {
  method?: 'POST' | 'PUT' | 'DELETE'
  body?: unknown
  /** The ETag that was shown with the item, where the write races. */
  ifMatch?: string
  /** Makes a write that is sent twice happen once. */
  idempotencyKey?: string
}

/** Long enough for a slow server, short enough that a person does not wonder. */
const timeoutMs = 20_000

/**
 * Writes to the console API: same-origin JSON, with the session's cookie.
 * @returns the parsed reply, `null` where there is none
 * @throws ApiProblem for every refusal, and with code `unreachable` when no answer came
 */
export async function write(
  path: string,
  { method = 'POST', body = {}, ifMatch, idempotencyKey }: Write = {},
): Promise<unknown> {
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (ifMatch !== undefined) headers['if-match'] = ifMatch
  if (idempotencyKey !== undefined) headers['idempotency-key'] = idempotencyKey
  let response: Response
  try {
    response = await fetch(path, {
      method,
      headers,
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    })
  } catch {
    throw new ApiProblem({
      code: 'unreachable',
      status: 0,
      detail: 'No answer from the server. It may or may not have been done; sending it again is safe.',
    })
  }
  const text = await response.text()
  const parsed = parseJson(text)
  if (response.ok) return parsed
  throw toProblem(response.status, parsed)
}

function parseJson(text: string): unknown {
  if (text === '') return null
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function toProblem(status: number, body: unknown): ApiProblem {
  const problem = (typeof body === 'object' && body !== null ? body : {}) as Partial<Problem>
  return new ApiProblem({
    status,
    code: problem.code ?? 'internal',
    detail: problem.detail ?? problem.title ?? `The server answered ${status}.`,
    ...(problem.trace_id === undefined ? {} : { traceId: problem.trace_id }),
    ...(problem.errors === undefined ? {} : { errors: problem.errors }),
  })
}
