import { parseRetryAfterMs } from '#lib/core/backoff.ts'
import { admitCall, CLOSED_BREAKER, recordOutcome, type Breaker } from '#lib/core/breaker.ts'
import type { z } from 'zod'
import { SyncFailure, type FailureCode } from './failure.ts'
import { newTraceparent } from './identifiers.ts'
import type { Kernel } from './kernel.ts'
import { TransportError, type TransportReply } from './ports.ts'
import { problemSchema } from './replies.ts'

/** One request to the server and its answer. Everything that goes wrong comes out as a SyncFailure. */
export interface Exchange {
  <T>(request: {
    method: 'GET' | 'POST'
    path: string
    token: string | null
    body?: object
    reply: z.ZodType<T>
  }): Promise<T>
}

export interface Exchanger {
  readonly exchange: Exchange
  readonly breaker: () => Breaker
  /** How long the breaker will hold the next request back; 0 when it will not. */
  readonly heldBackMs: () => number
}

/** Guards one server: every request passes the circuit breaker and ends within the policy's timeout. */
export function createExchanger(kernel: Kernel): Exchanger {
  const { clock, policy } = kernel
  let breaker: Breaker = CLOSED_BREAKER
  const note = (ok: boolean) => {
    breaker = recordOutcome(breaker, policy.breaker, ok, clock.nowMs())
  }

  const exchange: Exchange = async (request) => {
    const admission = admitCall(breaker, policy.breaker, clock.nowMs())
    breaker = admission.breaker
    if (!admission.allowed) {
      throw new SyncFailure('breaker_open', 'too many failures lately; waiting before the next request', {
        retryAfterMs: admission.retryAfterMs,
      })
    }
    let reply: TransportReply
    try {
      reply = await withTimeout(kernel, send(kernel, request))
    } catch (error) {
      note(false)
      throw unanswered(error)
    }
    if (reply.status >= 500) note(false)
    // Any other status is a server that works. A 429 asks for patience, and says nothing either way.
    else if (reply.status !== 429) note(true)
    if (reply.status < 200 || reply.status >= 300) throw refused(reply, clock.nowMs())
    const parsed = request.reply.safeParse(readJson(reply.body))
    if (parsed.success) return parsed.data
    const issue = parsed.error.issues[0]
    const where = issue ? `${issue.path.join('/')}: ${issue.message}` : 'not JSON'
    throw new SyncFailure('corrupt_reply', `the reply to ${request.path} could not be read (${where})`, {
      status: reply.status,
    })
  }
  return {
    exchange,
    breaker: () => breaker,
    heldBackMs: () => admitCall(breaker, policy.breaker, clock.nowMs()).retryAfterMs,
  }
}

function send(
  { transport, random, policy }: Kernel,
  request: { method: 'GET' | 'POST'; path: string; token: string | null; body?: object },
): Promise<TransportReply> {
  return transport.send({
    method: request.method,
    path: request.path,
    headers: {
      accept: 'application/json',
      traceparent: newTraceparent(random),
      ...(request.body ? { 'content-type': 'application/json' } : {}),
      ...(request.token === null ? {} : { authorization: `Bearer ${request.token}` }),
    },
    body: request.body ? JSON.stringify(request.body) : null,
    timeoutMs: policy.timeoutMs,
  })
}

/** A transport may hang; a sync must not. */
function withTimeout<T>({ clock, policy }: Kernel, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.schedule(policy.timeoutMs, () =>
      reject(new TransportError('timeout', `no answer within ${policy.timeoutMs} ms`)),
    )
    answer.then(resolve, reject).finally(cancel)
  })
}

function unanswered(error: unknown): SyncFailure {
  if (error instanceof TransportError) return new SyncFailure(error.kind, error.message, { cause: error })
  const message = error instanceof Error ? error.message : String(error)
  return new SyncFailure('network', message, { cause: error })
}

const BY_STATUS: Readonly<Record<number, FailureCode>> = {
  401: 'unauthenticated',
  403: 'forbidden',
  408: 'timeout',
  413: 'payload_too_large',
  426: 'protocol_unsupported',
  429: 'throttled',
  507: 'server_storage_full',
}

const BY_CODE: Readonly<Record<string, FailureCode>> = {
  device_revoked: 'device_revoked',
  device_forked: 'device_forked',
  seq_gap: 'seq_gap',
  cursor_expired: 'cursor_expired',
}

function refused(reply: TransportReply, nowMs: number): SyncFailure {
  // A proxy in between may answer with a page of its own: then the status alone has to do.
  const problem = problemSchema.safeParse(readJson(reply.body)).data
  const code =
    BY_CODE[problem?.code ?? ''] ??
    BY_STATUS[reply.status] ??
    (reply.status >= 500 ? 'server_error' : 'invalid_request')
  const header = reply.headers['retry-after']
  return new SyncFailure(code, problem?.detail || `the server answered ${reply.status}`, {
    status: reply.status,
    retryAfterMs: problem?.retry_after_ms ?? (header ? parseRetryAfterMs(header, nowMs) : undefined),
    expectedSeq: problem?.expected_seq,
  })
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
