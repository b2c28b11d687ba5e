/** Request-level error codes: HTTP status, whether the same request may succeed later, and the title people see. */
export const errorCodes = {
  malformed: { status: 400, retryable: false, title: 'The body could not be read' },
  unauthenticated: { status: 401, retryable: false, title: 'Sign-in or token required' },
  device_revoked: { status: 403, retryable: false, title: 'This device was revoked' },
  forbidden: { status: 403, retryable: false, title: 'Not allowed' },
  not_found: { status: 404, retryable: false, title: 'Not found' },
  method_not_allowed: { status: 405, retryable: false, title: 'Method not allowed' },
  ambiguous: { status: 409, retryable: false, title: 'More than one matches' },
  device_forked: { status: 409, retryable: false, title: 'This device image was cloned or restored' },
  seq_gap: { status: 409, retryable: true, title: 'Operations are missing before this batch' },
  conflict: { status: 409, retryable: false, title: 'Not possible in the present state' },
  cursor_expired: { status: 410, retryable: false, title: 'This cursor is no longer valid' },
  stale: { status: 412, retryable: false, title: 'Someone else changed this first' },
  payload_too_large: { status: 413, retryable: false, title: 'The body is too large' },
  unsupported_media_type: { status: 415, retryable: false, title: 'Unsupported content type or encoding' },
  invalid_request: { status: 422, retryable: false, title: 'The request has the wrong shape' },
  protocol_unsupported: { status: 426, retryable: false, title: 'Protocol version not supported' },
  precondition_required: { status: 428, retryable: false, title: 'If-Match is required' },
  throttled: { status: 429, retryable: true, title: 'Too many requests' },
  internal: { status: 500, retryable: true, title: 'Something went wrong' },
  unavailable: { status: 503, retryable: true, title: 'Not available right now' },
  storage_full: { status: 507, retryable: true, title: 'The server cannot store more' },
} as const

export type ErrorCode = keyof typeof errorCodes

/** Where a request is wrong: a JSON pointer (RFC 6901) and what was expected there. */
export type FieldError = { pointer: string; detail: string }

/** What a problem carries beside the common members. */
export type ProblemExtras = {
  errors?: FieldError[]
  retry_after_ms?: number
  acknowledged_seq?: number
  expected_seq?: number
  limit_bytes?: number
  server_time?: string
  /** With `stale`: the item as it is now, so that nobody has to ask again. */
  current?: object
}

/** RFC 9457 problem details, with Holdfast's `code`, `retryable` and `trace_id`. */
export type Problem = {
  type: string
  title: string
  status: number
  detail: string
  code: ErrorCode
  retryable: boolean
  trace_id: string
} & ProblemExtras

/**
 * An expected failure of a request. The message reaches the caller, so it says what to do and names no internals.
 * Anything else that is thrown is a bug and is answered as `internal`.
 */
export class AppError extends Error {
  override readonly name = 'AppError'
  readonly code: ErrorCode
  readonly extras: ProblemExtras
  readonly headers: Record<string, string>

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; extras?: ProblemExtras; headers?: Record<string, string> } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.code = code
    this.extras = options.extras ?? {}
    this.headers = options.headers ?? {}
  }
}
