/**
 * Circuit breaker over a sliding window of outcomes, as plain data: whoever owns one keeps the value
 * and replaces it. Closed lets calls through and counts; open refuses them until a cool-down has
 * passed; half-open lets one probe through, whose outcome closes or reopens the circuit.
 * @see Nygard, Release It!, "Circuit Breaker"
 */
export type Breaker =
  | { readonly state: 'closed'; readonly window: readonly Outcome[] }
  | { readonly state: 'open'; readonly untilMs: number; readonly trips: number }
  | { readonly state: 'half_open'; readonly probeSinceMs: number; readonly trips: number }

interface Outcome {
  readonly atMs: number
  readonly ok: boolean
}

export interface BreakerPolicy {
  /** Outcomes older than this no longer count. */
  readonly windowMs: number
  /** Fewer outcomes than this say nothing: two failures of two are not a broken server. */
  readonly minSamples: number
  /** Share of failures in the window, 0–1, from which on the circuit opens. */
  readonly failureRatio: number
  /** First cool-down; doubles with every failed probe. */
  readonly cooldownMs: number
  readonly maxCooldownMs: number
}

export const DEFAULT_BREAKER: BreakerPolicy = {
  windowMs: 60_000,
  minSamples: 5,
  failureRatio: 0.5,
  cooldownMs: 10_000,
  maxCooldownMs: 300_000,
}

/** A window this long decides as well as a longer one and keeps the value small enough to store. */
const MAX_WINDOW_SAMPLES = 100

export const CLOSED_BREAKER: Breaker = { state: 'closed', window: [] }

export interface Admission {
  readonly breaker: Breaker
  readonly allowed: boolean
  /** How long until asking again makes sense; 0 when allowed. */
  readonly retryAfterMs: number
}

/**
 * Asks for one call. When it is allowed, its outcome must be handed to `recordOutcome`.
 * A probe that never reports (its process died) is given up after a cool-down, or the circuit
 * would stay half-open for ever.
 */
export function admitCall(breaker: Breaker, policy: BreakerPolicy, nowMs: number): Admission {
  switch (breaker.state) {
    case 'closed':
      return { breaker, allowed: true, retryAfterMs: 0 }
    case 'open': {
      if (nowMs < breaker.untilMs) {
        return { breaker, allowed: false, retryAfterMs: breaker.untilMs - nowMs }
      }
      return {
        breaker: { state: 'half_open', probeSinceMs: nowMs, trips: breaker.trips },
        allowed: true,
        retryAfterMs: 0,
      }
    }
    case 'half_open': {
      const probeEndsMs = breaker.probeSinceMs + cooldownMs(policy, breaker.trips)
      if (nowMs < probeEndsMs) return { breaker, allowed: false, retryAfterMs: probeEndsMs - nowMs }
      return { breaker: { ...breaker, probeSinceMs: nowMs }, allowed: true, retryAfterMs: 0 }
    }
  }
}

/** The breaker after a call came back. Only faults of the other side count as `ok: false`. */
export function recordOutcome(breaker: Breaker, policy: BreakerPolicy, ok: boolean, nowMs: number): Breaker {
  switch (breaker.state) {
    case 'closed': {
      const recent = breaker.window.filter((outcome) => nowMs - outcome.atMs < policy.windowMs)
      const window = [...recent, { atMs: nowMs, ok }].slice(-MAX_WINDOW_SAMPLES)
      const failures = window.filter((outcome) => !outcome.ok).length
      const trips = window.length >= policy.minSamples && failures / window.length >= policy.failureRatio
      return trips && !ok ? opened(policy, 1, nowMs) : { state: 'closed', window }
    }
    case 'half_open':
      return ok ? CLOSED_BREAKER : opened(policy, breaker.trips + 1, nowMs)
    case 'open':
      // A straggler sent before the circuit opened: it neither closes it nor prolongs the cool-down.
      return breaker
  }
}

function opened(policy: BreakerPolicy, trips: number, nowMs: number): Breaker {
  return { state: 'open', untilMs: nowMs + cooldownMs(policy, trips), trips }
}

function cooldownMs(policy: BreakerPolicy, trips: number): number {
  return Math.min(policy.maxCooldownMs, policy.cooldownMs * 2 ** (trips - 1))
}
