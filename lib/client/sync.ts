import { retryDelayMs } from '#lib/core/backoff.ts'
import type { Answer } from './answers.ts'
import type { Diary } from './diary.ts'
import type { DigestReport } from './digest-check.ts'
import type { Exchanger } from './exchange.ts'
import { SyncFailure } from './failure.ts'
import { randomUnit } from './identifiers.ts'
import type { Kernel } from './kernel.ts'
import { StorageFullError } from './ports.ts'
import type { RoundResult } from './round-result.ts'
import { createRounds } from './round.ts'
import type { RecordKey } from './stored.ts'

/** What one call of `sync` did. */
export interface SyncReport {
  readonly outcome: 'complete' | 'failed' | 'stopped'
  /** Why it failed. */
  readonly failure: SyncFailure | null
  readonly accepted: number
  readonly conflicts: number
  readonly rejected: number
  /** Changes and snapshot rows taken in. */
  readonly pulled: number
  readonly requests: number
  readonly retries: number
  /** Set where the rows were compared with the server's. */
  readonly digest: DigestReport | null
}

export interface SyncSignals {
  onAnswers(answers: readonly Answer[]): void
  onRecords(touched: readonly RecordKey[]): void
  onProgress(progress: { readonly accepted: number; readonly pulled: number }): void
}

export interface SyncEngine {
  /** Runs until everything is pushed, answered and pulled, or until it cannot go on. Never throws for that. */
  run(reason: string): Promise<SyncReport>
  /** There is a new edit: a run that only waits for operations refused for now goes on at once. */
  nudge(): void
  /** The next run compares the rows with the server's. */
  wantDigest(): void
  /** Ends a run at the next point where nothing is half done. */
  stop(): void
}

type Tally = { -readonly [K in keyof SyncReport]: SyncReport[K] }

/**
 * Drives rounds (one request each) by the state machine: backs off and tries again on what may
 * pass, fails on what will not.
 */
export function createSyncEngine(
  kernel: Kernel,
  exchanger: Exchanger,
  diary: Diary,
  signals: SyncSignals,
): SyncEngine {
  const { clock, policy } = kernel
  const rounds = createRounds(kernel, exchanger, diary)
  let isStopping = false
  /** Failures in a row since the last answer. */
  let attempt = 0
  let wake: (() => void) | null = null
  let isIdling = false

  const sleep = (delayMs: number) =>
    new Promise<void>((resolve) => {
      const cancel = clock.schedule(delayMs, resolve)
      wake = () => {
        cancel()
        resolve()
      }
    }).finally(() => (wake = null))

  /** Tells the state machine what a round came to. @returns true when the sync is over */
  const advance = (result: RoundResult): boolean => {
    if (result.conflicts > 0) diary.dispatch('conflict', `${result.conflicts} in conflict`)
    if (result.hasMore) diary.dispatch('more', 'more to do')
    else if (diary.state() === 'CHECKING') diary.dispatch('no_changes', 'nothing to push')
    else diary.dispatch('done', result.conflicts > 0 ? 'conflicts marked' : 'everything is answered')
    return !result.hasMore
  }

  /** Decides about a failed round. @returns true when the sync is over */
  const recover = async (failure: SyncFailure, tally: Tally): Promise<boolean> => {
    if (failure.code !== 'waiting') diary.mishap(failure.code, failure.message)
    if (!failure.retryable) {
      diary.dispatch('fatal', failure.code)
      return fail(tally, failure)
    }
    diary.dispatch('failure', failure.code)
    if (failure.code === 'waiting') {
      // The operations count their own attempts, and give up by themselves.
      isIdling = true
      await sleep(failure.retryAfterMs)
      isIdling = false
      return false
    }
    if (attempt >= policy.backoff.maxRetries) {
      diary.dispatch('retries_exhausted', `${failure.code}, ${attempt} retries`)
      return fail(tally, failure)
    }
    // A retry that the breaker would hold back is a retry wasted: wait until it lets one through.
    const retryAfterMs = Math.max(failure.retryAfterMs, exchanger.heldBackMs())
    const random = randomUnit(kernel.random)
    const delayMs = retryDelayMs({ attempt, policy: policy.backoff, random, retryAfterMs })
    attempt += 1
    tally.retries += 1
    await sleep(delayMs)
    return false
  }

  return {
    async run(reason) {
      isStopping = false
      attempt = 0
      rounds.begin()
      const tally: Tally = {
        outcome: 'complete',
        failure: null,
        accepted: 0,
        conflicts: 0,
        rejected: 0,
        pulled: 0,
        requests: 0,
        retries: 0,
        digest: null,
      }
      diary.dispatch('trigger', reason)
      for (;;) {
        if (isStopping) {
          diary.dispatch('stopped', 'stopped by the app')
          return { ...tally, outcome: 'stopped' }
        }
        let isOver: boolean
        try {
          tally.requests += 1
          const result = await rounds.next(attempt)
          tally.accepted += result.accepted
          tally.conflicts += result.conflicts
          tally.rejected += result.rejected
          tally.pulled += result.pulled
          tally.digest = result.digest ?? tally.digest
          if (result.answers.length > 0) signals.onAnswers(result.answers)
          if (result.touched.length > 0) signals.onRecords(result.touched)
          signals.onProgress({ accepted: tally.accepted, pulled: tally.pulled })
          if (result.failure) throw result.failure
          // Progress was made: the next failure is a new one, and gets all its retries.
          attempt = 0
          isOver = advance(result)
          if (!isOver && result.pauseMs > 0) await sleep(result.pauseMs)
        } catch (error) {
          isOver = await recover(toFailure(error), tally)
        }
        if (!isOver) continue
        if (diary.state() === 'COMPLETE') diary.dispatch('settled', 'ready')
        return tally
      }
    },
    wantDigest: () => rounds.wantDigest(),
    nudge() {
      if (isIdling) wake?.()
    },
    stop() {
      isStopping = true
      wake?.()
    },
  }
}

function fail(tally: Tally, failure: SyncFailure): true {
  tally.outcome = 'failed'
  tally.failure = failure
  return true
}

/** @throws anything that is not an expected failure: a bug, not a state of the world */
function toFailure(error: unknown): SyncFailure {
  if (error instanceof SyncFailure) return error
  if (error instanceof StorageFullError) {
    return new SyncFailure('device_storage_full', error.message, { cause: error })
  }
  throw error
}
