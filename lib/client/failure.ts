/** Why a sync, an enrolment or an edit did not go through. */
export type FailureCode =
  /** No answer: no network, or the connection broke. */
  | 'network'
  | 'timeout'
  /** The server answered 5xx. */
  | 'server_error'
  /** The server asks for fewer requests. */
  | 'throttled'
  /** The server itself has no room left. */
  | 'server_storage_full'
  /** The reply could not be read, or its rows do not match their checksums. */
  | 'corrupt_reply'
  /** The reply left operations unanswered. */
  | 'partial_reply'
  /** Operations were refused for now and wait for their next attempt. */
  | 'waiting'
  /** Too many failures lately; requests are held back for a while. */
  | 'breaker_open'
  /** The device has no token yet. */
  | 'not_enrolled'
  /** The token is no longer good: enrol again. */
  | 'unauthenticated'
  | 'device_revoked'
  | 'forbidden'
  /** This app speaks a protocol the server no longer speaks: update it. */
  | 'protocol_unsupported'
  /** The server refused the request as malformed: a fault in this library. */
  | 'invalid_request'
  | 'payload_too_large'
  /** Two devices, or a copy, write under this device's incarnation. Handled inside. */
  | 'device_forked'
  | 'seq_gap'
  /** The server lost what it had acknowledged; it is sent again. Handled inside. */
  | 'server_restored'
  /** Rows here are not what the server has. Handled inside: everything is fetched anew. */
  | 'rows_differ'
  /** The place in a full sync is no longer known to the server. Handled inside. */
  | 'cursor_expired'
  /** This device has no room left. */
  | 'device_storage_full'

const RETRYABLE: ReadonlySet<FailureCode> = new Set([
  'network',
  'timeout',
  'server_error',
  'throttled',
  'server_storage_full',
  'corrupt_reply',
  'partial_reply',
  'waiting',
  'breaker_open',
])

/** An attempt that failed. `retryable` tells whether the same attempt may succeed later. */
export class SyncFailure extends Error {
  override readonly name = 'SyncFailure'
  readonly code: FailureCode
  /** HTTP status, where the server answered. */
  readonly status: number | null
  /** How long the server, or the breaker, wants to be left alone; 0 for no wish. */
  readonly retryAfterMs: number
  /** For `seq_gap`: where the server wants to go on. */
  readonly expectedSeq: number | null

  constructor(
    code: FailureCode,
    message: string,
    details: {
      status?: number
      retryAfterMs?: number | undefined
      expectedSeq?: number | undefined
      cause?: unknown
    } = {},
  ) {
    super(message, details.cause === undefined ? {} : { cause: details.cause })
    this.code = code
    this.status = details.status ?? null
    this.retryAfterMs = details.retryAfterMs ?? 0
    this.expectedSeq = details.expectedSeq ?? null
  }

  get retryable(): boolean {
    return RETRYABLE.has(this.code)
  }
}

/** The app asked for something that cannot be kept or sent; nothing was changed. */
export class InvalidEditError extends Error {
  override readonly name = 'InvalidEditError'
  readonly code:
    | 'invalid_id'
    | 'unfaithful_data'
    | 'record_too_large'
    | 'no_such_conflict'
    | 'no_such_record'
    | 'empty_step'
    | 'scope_not_granted'
    | 'record_exists'
    | 'cannot_move_now'
    | 'wrong_type'
    | 'invalid_step'

  constructor(code: InvalidEditError['code'], message: string) {
    super(message)
    this.code = code
  }
}
