/** How long a caller waits between attempts, and how often it tries. */
export interface BackoffPolicy {
  /** Upper bound of the first delay. */
  readonly baseDelayMs: number
  /** No computed delay is ever longer than this. */
  readonly maxDelayMs: number
  /** Retries after the first attempt before the caller gives up. */
  readonly maxRetries: number
}

/**
 * Patient enough for a flaky mobile link (about two minutes in all), short enough that a device
 * reaches its failed state, and says so, while somebody is still looking at it.
 */
export const DEFAULT_BACKOFF: BackoffPolicy = { baseDelayMs: 500, maxDelayMs: 60_000, maxRetries: 8 }

/**
 * Delay before the next attempt: full jitter over a capped exponential.
 * @param attempt 0 for the first retry
 * @param random uniform in [0, 1)
 * @returns milliseconds in [0, policy.maxDelayMs]
 * @throws RangeError if attempt is negative or not an integer
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function backoffDelayMs(attempt: number, policy: BackoffPolicy, random: number): number {
  if (!Number.isInteger(attempt) || attempt < 0) {
    throw new RangeError(`attempt must be a non-negative integer, got ${attempt}`)
  }
  // 2 ** 1024 is Infinity; the cap makes that harmless, so no clamp on the exponent is needed.
  const ceilingMs = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** attempt)
  return Math.floor(random * ceilingMs)
}

/**
 * Delay before the next attempt when the server may have named one. The server's wish is a floor:
 * jitter is added on top, so that everybody who was told the same number does not return together.
 * @param retryAfterMs what the server asked for; absent or 0 when it asked for nothing
 */
export function retryDelayMs(options: {
  attempt: number
  policy: BackoffPolicy
  random: number
  retryAfterMs?: number | undefined
}): number {
  const jitteredMs = backoffDelayMs(options.attempt, options.policy, options.random)
  return Math.max(0, options.retryAfterMs ?? 0) + jitteredMs
}

/**
 * Reads a `Retry-After` header: seconds, or an HTTP date.
 * @returns milliseconds from `nowMs`, never negative; undefined when the value is neither form
 * @see RFC 9110, section 10.2.3
 */
export function parseRetryAfterMs(value: string, nowMs: number): number | undefined {
  const text = value.trim()
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  // An HTTP date begins with the day's name; Date.parse alone would take '-5' for a year.
  if (!/^[A-Z][a-z]{2}/.test(text)) return undefined
  const atMs = Date.parse(text)
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs)
}
