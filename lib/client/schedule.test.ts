import { expect, test } from 'vitest'
import { SyncFailure } from './failure.ts'
import { createSchedule, type SchedulePolicy } from './schedule.ts'

const policy: SchedulePolicy = { intervalMs: 60_000, settleMs: { critical: 0, normal: 2_000, bulk: 20_000 } }

/** A clock that a test moves by hand, and a schedule on it that notes what it runs. */
function createFixture(options: { run?: () => Promise<{ failure: SyncFailure | null }> } = {}) {
  let nowMs = 0
  const timers = new Set<{ atMs: number; callback: () => void }>()
  const runs: { atMs: number; reason: string }[] = []
  const schedule = createSchedule(
    {
      clock: {
        nowMs: () => nowMs,
        schedule(delayMs, callback) {
          const timer = { atMs: nowMs + delayMs, callback }
          timers.add(timer)
          return () => timers.delete(timer)
        },
      },
      random: { bytes: (length) => new Uint8Array(length).fill(128) },
    },
    policy,
    (reason) => {
      runs.push({ atMs: nowMs, reason })
      return options.run?.() ?? Promise.resolve({ failure: null })
    },
  )
  const passTo = async (untilMs: number) => {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve))
      const next = [...timers].filter((timer) => timer.atMs <= untilMs).toSorted((a, b) => a.atMs - b.atMs)[0]
      if (!next) break
      timers.delete(next)
      nowMs = Math.max(nowMs, next.atMs)
      next.callback()
    }
    nowMs = untilMs
  }
  return { schedule, runs, passTo, timers }
}

test('nothing runs before it is started, nor after it is stopped', async () => {
  const { schedule, runs, passTo, timers } = createFixture()
  schedule.edited('critical')
  await passTo(100_000)
  expect(runs).toEqual([])
  schedule.start()
  schedule.stop()
  await passTo(300_000)
  expect(runs).toEqual([])
  expect(timers.size).toBe(0)
})

test('runs at the start and then now and then', async () => {
  const { schedule, runs, passTo } = createFixture()
  schedule.start()
  await passTo(150_000)
  expect(runs.map((run) => run.reason)).toEqual(['start', 'timer', 'timer'])
})

test('an edit asks for a sync, the sooner the more urgent; edits in between ride along', async () => {
  const { schedule, runs, passTo } = createFixture()
  schedule.start()
  await passTo(1_000)
  schedule.edited('bulk')
  await passTo(2_000)
  schedule.edited('normal')
  schedule.edited('normal')
  await passTo(10_000)
  schedule.edited('critical')
  await passTo(11_000)
  expect(runs).toEqual([
    { atMs: 0, reason: 'start' },
    { atMs: 4_000, reason: 'normal edit' },
    { atMs: 10_000, reason: 'critical edit' },
  ])
})

test('what falls due during a sync runs right after it', async () => {
  let finish: (() => void) | null = null
  const fixture = createFixture({
    run: () => new Promise((resolve) => (finish = () => resolve({ failure: null }))),
  })
  fixture.schedule.start()
  await fixture.passTo(1_000)
  fixture.schedule.poke('network is back')
  await fixture.passTo(5_000)
  expect(fixture.runs).toHaveLength(1)
  finish!()
  await fixture.passTo(5_001)
  expect(fixture.runs[1]).toEqual({ atMs: 5_000, reason: 'network is back' })
})

test('keeps away for as long as the server asked for', async () => {
  const failure = new SyncFailure('throttled', 'too many requests', { retryAfterMs: 500_000 })
  const { schedule, runs, passTo } = createFixture({ run: () => Promise.resolve({ failure }) })
  schedule.start()
  await passTo(600_000)
  expect(runs.map((run) => run.atMs)).toEqual([0, 500_000])
})
