/** Worst first. `paused` and `revoked` are what people decided; `unknown` has not synced yet and is new. */
export const healthStates = ['critical', 'warning', 'healthy', 'unknown', 'paused', 'revoked'] as const
export type HealthState = (typeof healthStates)[number]

/** Where a device stops being healthy. Settings; longer for scopes whose crews are expected to be away. */
export type HealthThresholds = {
  lagWarningSeconds: number
  lagCriticalSeconds: number
  pendingWarning: number
  skewWarningMs: number
  conflictWarningSeconds: number
  /** A device seen within this time is active. */
  activeSeconds: number
  /** A sync in progress that was not heard of for this long has been broken off. */
  syncingSeconds: number
}

export const defaultHealthThresholds: HealthThresholds = {
  lagWarningSeconds: 900,
  lagCriticalSeconds: 3_600,
  pendingWarning: 100,
  skewWarningMs: 60_000,
  conflictWarningSeconds: 86_400,
  activeSeconds: 86_400,
  syncingSeconds: 120,
}

/** What the rules look at. Times in milliseconds since the epoch. */
export type DeviceCondition = {
  status: 'active' | 'paused' | 'revoked'
  revokedAt: number | null
  enrolledAt: number
  lastSeenAt: number | null
  lastSyncAt: number | null
  /** The device's own machine. */
  state: string
  inProgress: boolean
  pending: number
  breaker: string
  clockSkewMs: number
  /** When the oldest of its open conflicts arose. */
  oldestOpenConflictAt: number | null
}

export type HealthReasonCode =
  | 'lag'
  | 'never_synced'
  | 'failed'
  | 'revoked_but_talking'
  | 'pending'
  | 'breaker'
  | 'clock_skew'
  | 'old_conflict'

/** One cause of a state. `since`: from when on it held, where that can be known. */
export type HealthReason = { code: HealthReasonCode; state: 'critical' | 'warning'; since: number | null }

export type DeviceHealth = {
  state: HealthState
  /** All that is wrong, the worst first; empty for a healthy one. */
  reasons: HealthReason[]
  /** Since the last successful sync; since enrolment for a device that never had one. */
  lagSeconds: number
  isActive: boolean
  isSyncing: boolean
}

/**
 * The state of a device by the rules of semantics.md, with every reason. A revoked device that still talks is
 * critical; else what people decided (revoked, paused) is the state, whatever the figures say.
 * @param now milliseconds since the epoch
 */
export function deviceHealth(device: DeviceCondition, now: number, limits: HealthThresholds): DeviceHealth {
  const lagFrom = device.lastSyncAt ?? device.enrolledAt
  const lagSeconds = Math.max(0, (now - lagFrom) / 1_000)
  const seenSeconds = device.lastSeenAt === null ? Infinity : (now - device.lastSeenAt) / 1_000
  const reasons =
    device.status === 'active' ? activeReasons(device, now, lagSeconds, limits) : revokedReasons(device)
  return {
    state: worst(device, reasons),
    reasons,
    lagSeconds,
    isActive: device.status !== 'revoked' && seenSeconds <= limits.activeSeconds,
    isSyncing: device.inProgress && seenSeconds <= limits.syncingSeconds,
  }
}

function worst(device: DeviceCondition, reasons: HealthReason[]): HealthState {
  if (device.status === 'paused') return 'paused'
  if (reasons[0]) return reasons[0].state
  if (device.status === 'revoked') return 'revoked'
  return device.lastSyncAt === null ? 'unknown' : 'healthy'
}

function activeReasons(
  device: DeviceCondition,
  now: number,
  lagSeconds: number,
  limits: HealthThresholds,
): HealthReason[] {
  const { lagWarningSeconds, lagCriticalSeconds } = limits
  const lagFrom = device.lastSyncAt ?? device.enrolledAt
  const lag = device.lastSyncAt === null ? 'never_synced' : 'lag'
  const conflictAt = device.oldestOpenConflictAt
  const found: (HealthReason | false)[] = [
    lagSeconds > lagCriticalSeconds && {
      code: lag,
      state: 'critical',
      since: lagFrom + lagCriticalSeconds * 1_000,
    },
    device.state === 'FAILED' && { code: 'failed', state: 'critical', since: null },
    lagSeconds > lagWarningSeconds &&
      lagSeconds <= lagCriticalSeconds && {
        code: lag,
        state: 'warning',
        since: lagFrom + lagWarningSeconds * 1_000,
      },
    device.pending > limits.pendingWarning && { code: 'pending', state: 'warning', since: null },
    device.breaker !== 'closed' && { code: 'breaker', state: 'warning', since: null },
    Math.abs(device.clockSkewMs) > limits.skewWarningMs && {
      code: 'clock_skew',
      state: 'warning',
      since: null,
    },
    conflictAt !== null &&
      (now - conflictAt) / 1_000 > limits.conflictWarningSeconds && {
        code: 'old_conflict',
        state: 'warning',
        since: conflictAt + limits.conflictWarningSeconds * 1_000,
      },
  ]
  return found.filter((reason) => reason !== false)
}

function revokedReasons({ status, revokedAt, lastSeenAt }: DeviceCondition): HealthReason[] {
  const talks = status === 'revoked' && revokedAt !== null && lastSeenAt !== null && lastSeenAt > revokedAt
  return talks ? [{ code: 'revoked_but_talking', state: 'critical', since: lastSeenAt }] : []
}
