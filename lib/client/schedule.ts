import type { Priority } from '#lib/protocol/sync.ts'
import type { SyncFailure } from './failure.ts'
import { randomUnit } from './identifiers.ts'
import type { Clock, Random } from './ports.ts'

export interface SchedulePolicy {
  /** Mean time between syncs that nothing asked for; spread, so that a fleet does not call in step. */
  readonly intervalMs: number
  /** How long an edit waits for company before it asks for a sync. */
  readonly settleMs: Readonly<Record<Priority, number>>
}

/** Critical edits leave at once; the others well within what semantics promise for their lane. */
export const DEFAULT_SCHEDULE: SchedulePolicy = {
  intervalMs: 60_000,
  settleMs: { critical: 0, normal: 2_000, bulk: 20_000 },
}

/** When the next sync is due. Without `start` it never is. */
export interface Schedule {
  start(): void
  stop(): void
  /** An edit of this priority was made. */
  edited(priority: Priority): void
  /** Something new is known to wait on the server, or the network is back. */
  poke(reason: string): void
}

/**
 * Runs a sync whenever one is due: at the start, after edits, when poked, and now and then.
 * @param run must not throw for failures of network or server
 */
export function createSchedule(
  ports: { clock: Clock; random: Random },
  policy: SchedulePolicy,
  run: (reason: string) => Promise<{ readonly failure: SyncFailure | null }>,
): Schedule {
  const { clock, random } = ports
  let isStarted = false
  let isRunning = false
  /** A sync fell due while one was running. */
  let isMissed = false
  let due: { atMs: number; reason: string; cancel: () => void } | null = null

  const want = (delayMs: number, reason: string) => {
    if (!isStarted) return
    const atMs = clock.nowMs() + delayMs
    if (due && due.atMs <= atMs) return
    due?.cancel()
    due = { atMs, reason, cancel: clock.schedule(delayMs, () => void fire()) }
  }
  const fire = async () => {
    if (!isStarted || !due) return
    if (isRunning) {
      isMissed = true
      return
    }
    const { reason } = due
    due = null
    isRunning = true
    const { failure } = await run(reason).finally(() => (isRunning = false))
    const spread = 0.5 + randomUnit(random)
    want(Math.max(policy.intervalMs * spread, failure?.retryAfterMs ?? 0), 'timer')
    if (!isMissed) return
    isMissed = false
    await fire()
  }

  return {
    start() {
      if (isStarted) return
      isStarted = true
      want(0, 'start')
    },
    stop() {
      isStarted = false
      due?.cancel()
      due = null
    },
    edited: (priority) => want(policy.settleMs[priority], `${priority} edit`),
    poke: (reason) => want(0, reason),
  }
}
