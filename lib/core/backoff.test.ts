import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { backoffDelayMs, parseRetryAfterMs, retryDelayMs, type BackoffPolicy } from './backoff.ts'

const policy: BackoffPolicy = { baseDelayMs: 100, maxDelayMs: 10_000, maxRetries: 8 }
const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

describe('backoffDelayMs', () => {
  test('doubles its ceiling until the cap', () => {
    const ceilings = [0, 1, 2, 3, 6, 7, 2000].map((attempt) => backoffDelayMs(attempt, policy, 0.999_999))
    expect(ceilings).toEqual([99, 199, 399, 799, 6399, 9999, 9999])
  })

  test('stays within [0, min(cap, base · 2^attempt)] and reaches down to zero', () => {
    fc.assert(
      fc.property(fc.nat(5000), unit, (attempt, random) => {
        const delay = backoffDelayMs(attempt, policy, random)
        expect(delay).toBeGreaterThanOrEqual(0)
        expect(delay).toBeLessThanOrEqual(Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** attempt))
      }),
    )
    expect(backoffDelayMs(7, policy, 0)).toBe(0)
  })

  test.each([-1, 0.5, Number.NaN])('refuses attempt %s', (attempt) => {
    expect(() => backoffDelayMs(attempt, policy, 0)).toThrow(RangeError)
  })
})

test('a delay the server asked for is a floor with jitter on top', () => {
  expect(retryDelayMs({ attempt: 0, policy, random: 0, retryAfterMs: 30_000 })).toBe(30_000)
  expect(retryDelayMs({ attempt: 0, policy, random: 0.5, retryAfterMs: 30_000 })).toBe(30_050)
  expect(retryDelayMs({ attempt: 0, policy, random: 0.5 })).toBe(50)
})

describe('parseRetryAfterMs', () => {
  const now = Date.parse('2026-11-22T08:00:00Z')
  test.each([
    ['120', 120_000],
    ['0', 0],
    ['Sun, 22 Nov 2026 08:00:30 GMT', 30_000],
    ['Sun, 22 Nov 2026 07:00:00 GMT', 0],
    ['soon', undefined],
    ['-5', undefined],
    ['', undefined],
  ])('%s', (value, expected) => {
    expect(parseRetryAfterMs(value, now)).toBe(expected)
  })
})
