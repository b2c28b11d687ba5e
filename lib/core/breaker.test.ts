import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { admitCall, CLOSED_BREAKER, recordOutcome, type Breaker, type BreakerPolicy } from './breaker.ts'

const policy: BreakerPolicy = {
  windowMs: 1000,
  minSamples: 4,
  failureRatio: 0.5,
  cooldownMs: 100,
  maxCooldownMs: 350,
}

function after(outcomes: readonly boolean[], startMs = 0, stepMs = 1): Breaker {
  return outcomes.reduce<Breaker>(
    (breaker, ok, index) => recordOutcome(breaker, policy, ok, startMs + index * stepMs),
    CLOSED_BREAKER,
  )
}

describe('closed', () => {
  test('stays closed below the minimum number of samples', () => {
    expect(after([false, false, false]).state).toBe('closed')
  })

  test('opens at the failure ratio, not below it', () => {
    expect(after([true, true, true, false, false]).state).toBe('closed')
    expect(after([true, true, false, false]).state).toBe('open')
  })

  test('a success never opens it, whatever the window says', () => {
    expect(after([false, false, false, true]).state).toBe('closed')
  })

  test('forgets outcomes older than the window', () => {
    expect(after([false, false, false, false], 0, 1000).state).toBe('closed')
  })
})

describe('open', () => {
  const open = after([false, false, false, false])

  test('refuses and says for how long', () => {
    expect(admitCall(open, policy, 50)).toEqual({ breaker: open, allowed: false, retryAfterMs: 53 })
  })

  test('lets exactly one probe through after the cool-down', () => {
    const probe = admitCall(open, policy, 103)
    expect(probe).toMatchObject({ allowed: true, breaker: { state: 'half_open' } })
    expect(admitCall(probe.breaker, policy, 104)).toMatchObject({ allowed: false, retryAfterMs: 99 })
  })

  test('ignores the outcome of a call that was already under way', () => {
    expect(recordOutcome(open, policy, true, 60)).toBe(open)
    expect(recordOutcome(open, policy, false, 60)).toBe(open)
  })
})

describe('half-open', () => {
  const halfOpen = admitCall(after([false, false, false, false]), policy, 103).breaker

  test('a good probe closes it with a clean window', () => {
    expect(recordOutcome(halfOpen, policy, true, 110)).toEqual(CLOSED_BREAKER)
  })

  test('failed probes double the cool-down up to the cap', () => {
    let breaker = halfOpen
    const cooldowns: number[] = []
    let now = 110
    for (let probe = 0; probe < 4; probe++) {
      breaker = recordOutcome(breaker, policy, false, now)
      const { retryAfterMs } = admitCall(breaker, policy, now)
      cooldowns.push(retryAfterMs)
      now += retryAfterMs
      breaker = admitCall(breaker, policy, now).breaker
    }
    expect(cooldowns).toEqual([200, 350, 350, 350])
  })

  test('gives up a probe that never reported', () => {
    expect(admitCall(halfOpen, policy, 203).allowed).toBe(true)
  })
})

test('from any history, a healthy server is reached again within one longest cool-down', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(500), fc.boolean()), { maxLength: 60 }), (history) => {
      let breaker: Breaker = CLOSED_BREAKER
      let now = 0
      for (const [waitMs, ok] of history) {
        now += waitMs
        const admission = admitCall(breaker, policy, now)
        breaker = admission.allowed ? recordOutcome(admission.breaker, policy, ok, now) : admission.breaker
      }
      now += policy.maxCooldownMs
      const admission = admitCall(breaker, policy, now)
      expect(admission.allowed).toBe(true)
      expect(recordOutcome(admission.breaker, policy, true, now).state).toBe('closed')
    }),
  )
})
