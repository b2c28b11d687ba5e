import { expect, test } from 'vitest'
import { defaultHealthThresholds, deviceHealth, type DeviceCondition } from './health.ts'

const now = Date.parse('2026-11-22T12:00:00Z')
const minutesAgo = (minutes: number) => now - minutes * 60_000

const well: DeviceCondition = {
  status: 'active',
  revokedAt: null,
  enrolledAt: minutesAgo(100_000),
  lastSeenAt: minutesAgo(1),
  lastSyncAt: minutesAgo(1),
  state: 'COMPLETE',
  inProgress: false,
  pending: 0,
  breaker: 'closed',
  clockSkewMs: 0,
  oldestOpenConflictAt: null,
}

const health = (fields: Partial<DeviceCondition>) =>
  deviceHealth({ ...well, ...fields }, now, defaultHealthThresholds)
const stateOf = (fields: Partial<DeviceCondition>) => health(fields).state

test('a device that synced a minute ago and has nothing to tell is healthy', () => {
  expect(health({})).toEqual({
    state: 'healthy',
    reasons: [],
    lagSeconds: 60,
    isActive: true,
    isSyncing: false,
  })
})

test.each([
  ['lag over 15 minutes', { lastSyncAt: minutesAgo(15.1) }, 'warning'],
  ['lag of exactly 15 minutes', { lastSyncAt: minutesAgo(15) }, 'healthy'],
  ['lag over an hour', { lastSyncAt: minutesAgo(60.1) }, 'critical'],
  ['lag of exactly an hour', { lastSyncAt: minutesAgo(60) }, 'warning'],
  ['failed state', { state: 'FAILED' }, 'critical'],
  ['101 pending', { pending: 101 }, 'warning'],
  ['100 pending', { pending: 100 }, 'healthy'],
  ['open breaker', { breaker: 'open' }, 'warning'],
  ['half-open breaker', { breaker: 'half_open' }, 'warning'],
  ['clock ahead', { clockSkewMs: 60_001 }, 'warning'],
  ['clock behind', { clockSkewMs: -60_001 }, 'warning'],
  ['conflict open for over a day', { oldestOpenConflictAt: minutesAgo(1_441) }, 'warning'],
  ['conflict of today', { oldestOpenConflictAt: minutesAgo(60) }, 'healthy'],
  ['enrolled, not synced yet', { lastSyncAt: null, lastSeenAt: null, enrolledAt: minutesAgo(5) }, 'unknown'],
  [
    'enrolled long ago, never synced',
    { lastSyncAt: null, lastSeenAt: null, enrolledAt: minutesAgo(90) },
    'critical',
  ],
  ['paused', { status: 'paused' as const, lastSyncAt: minutesAgo(500) }, 'paused'],
  ['revoked', { status: 'revoked' as const, revokedAt: now, lastSyncAt: minutesAgo(500) }, 'revoked'],
  ['revoked but talking', { status: 'revoked' as const, revokedAt: minutesAgo(5) }, 'critical'],
])('%s → %s', (_, fields, expected) => {
  expect(stateOf(fields)).toBe(expected)
})

test('all reasons are told, the worst first, with the moment from which they held', () => {
  const { state, reasons } = health({ pending: 500, lastSyncAt: minutesAgo(90), breaker: 'open' })
  expect(state).toBe('critical')
  expect(reasons).toEqual([
    { code: 'lag', state: 'critical', since: minutesAgo(30) },
    { code: 'pending', state: 'warning', since: null },
    { code: 'breaker', state: 'warning', since: null },
  ])
})

test('a sync in progress that fell silent does not count as syncing', () => {
  expect(health({ inProgress: true }).isSyncing).toBe(true)
  expect(health({ inProgress: true, lastSeenAt: minutesAgo(3) }).isSyncing).toBe(false)
})
