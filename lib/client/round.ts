import { doubtMany, isAskingDue } from './confirm.ts'
import type { Diary } from './diary.ts'
import { compareDigests } from './digest-check.ts'
import type { Exchanger } from './exchange.ts'
import { SyncFailure } from './failure.ts'
import { takeSnapshotPage } from './full-sync.ts'
import { randomId } from './identifiers.ts'
import { transact, type Kernel } from './kernel.ts'
import { StorageFullError } from './ports.ts'
import { prepareRequest, type Prepared } from './prepare.ts'
import { repairQueue } from './repair.ts'
import { syncReplySchema, type ReadSyncReply } from './replies.ts'
import { NOTHING, type RoundResult } from './round-result.ts'
import { readRowsDocument } from './rows.ts'
import { abandonSnapshot, beginSnapshot, purgeGarbage } from './snapshot.ts'
import type { PendingOperation } from './stored.ts'
import { takeReply } from './take-reply.ts'
import { Unit } from './unit.ts'
import { hasWork, isResending } from './work.ts'

/** The rounds of one run, from its trigger to its end. */
export interface Rounds {
  begin(): void
  /** Compares the rows with the server's once nothing waits on it, whenever that was done last. */
  wantDigest(): void
  /** @throws SyncFailure when the round did not go through: nothing of it was applied */
  next(retries: number): Promise<RoundResult>
}

/** More restarts of the queue, or full syncs, than this in one run mean that something else is wrong. */
const MAX_REPAIRS = 5
/** How long a device waits for its turn where the server does not say. */
const MIN_TURN_MS = 500
/** A device without room for a full sync tries again after this; somebody may make some. */
const FULL_DEVICE_MS = 60_000

/**
 * The requests of one device, one at a time: what to send is decided and made durable before it is
 * sent, and what comes back is taken in as one atomic step.
 */
export function createRounds(kernel: Kernel, exchanger: Exchanger, diary: Diary): Rounds {
  /** Part of a chunk that a request carries; halved when the server finds one too large. */
  let chunkShare = 1
  let syncId = ''
  let repairs = 0
  let resyncs = 0
  let isBegun = false
  let isFirst = true
  /** Full syncs take turns; while this device waits for its own, it pushes. */
  let turnAtMs = 0
  /** The server had nothing more in its last answer. */
  let isDrained = false
  let isDigestWanted = false

  return {
    begin() {
      syncId = randomId(kernel.random)
      chunkShare = 1
      repairs = 0
      resyncs = 0
      isBegun = false
      isFirst = true
      isDrained = false
    },
    wantDigest() {
      isDigestWanted = true
    },
    async next(retries) {
      // A full sync that was over but for this when the device was switched off.
      if (!isBegun) await purgeGarbage(kernel)
      if (!isBegun) await transact(kernel, doubtMany)
      isBegun = true
      const { snapshot } = await transact(kernel, readRowsDocument)
      const isAsking = await transact(kernel, isAskingDue)
      const isDue = snapshot !== null && !isAsking && !(await isResending(new Unit(kernel.storage)))
      const mustWait = isDue && snapshot.cursor === null && turnAtMs > kernel.clock.nowMs()
      if (isDue && !mustWait) return fetchPage(snapshot.cursor)
      if (!snapshot && !isAsking && isDrained && (await isDigestDue())) return compare()
      const story = diary.open()
      const prepared = await transact(kernel, (unit) =>
        prepareRequest(kernel, unit, {
          ...{ syncId, story, retries, chunkShare, isAsking, isFirst, isDrained },
          turnAtMs: mustWait ? turnAtMs : null,
          state: diary.state(),
          breaker: exchanger.breaker(),
        }),
      )
      if (prepared.batch.length > 0 && diary.state() === 'CHECKING') {
        diary.dispatch('has_changes', `${prepared.batch.length} to push`)
      }
      try {
        const reply = await exchanger.exchange({
          method: 'POST',
          path: '/api/v1/sync',
          token: prepared.token,
          body: prepared.body,
          reply: syncReplySchema,
        })
        story.told()
        isFirst = false
        return await take(prepared, reply)
      } catch (error) {
        if (await isRepaired(error, prepared.batch)) return NOTHING
        throw error
      }
    },
  }

  async function isDigestDue(): Promise<boolean> {
    const nowMs = kernel.clock.nowMs()
    const isDue = await transact(kernel, async (unit) => {
      const { atMs } = await unit.meta('digest', { atMs: null })
      if (atMs === null) unit.putMeta('digest', { atMs: nowMs })
      // A clock that was set back does not put it off.
      return atMs !== null && Math.abs(nowMs - atMs) >= kernel.policy.digestIntervalMs
    })
    return isDigestWanted || isDue
  }

  /** A comparison that fails is no failure of the sync: everything was pushed and pulled. */
  async function compare(): Promise<RoundResult> {
    isDigestWanted = false
    const atMs = kernel.clock.nowMs()
    const differing = await compareDigests(kernel, exchanger.exchange).catch((error: unknown) => {
      if (!(error instanceof SyncFailure)) throw error
      diary.mishap(error.code, `the rows could not be compared: ${error.message}`)
      return undefined
    })
    const found = Object.entries(differing ?? {})
    for (const [scope, count] of found) diary.mishap('rows_differ', `${count} in ${scope}`)
    const isRepairing = differing === null || found.length > 0
    await transact(kernel, async (unit) => {
      unit.putMeta('digest', { atMs })
      if (isRepairing) await beginSnapshot(unit, 'rows_differ', { anew: true })
    })
    const digest = differing === undefined ? null : { atMs, differing: differing ?? {}, isRepairing }
    return { ...NOTHING, digest, hasMore: await hasWork(new Unit(kernel.storage)) }
  }

  async function fetchPage(cursor: string | null): Promise<RoundResult> {
    try {
      const touched = await takeSnapshotPage(kernel, exchanger.exchange, cursor)
      return { ...NOTHING, pulled: touched.length, touched }
    } catch (error) {
      if (error instanceof SyncFailure && error.code === 'throttled' && cursor === null) {
        turnAtMs = kernel.clock.nowMs() + Math.max(error.retryAfterMs, MIN_TURN_MS)
        return NOTHING
      }
      if (error instanceof StorageFullError) {
        turnAtMs = kernel.clock.nowMs() + FULL_DEVICE_MS
        await abandonSnapshot(kernel)
      }
      throw error
    }
  }

  async function take(prepared: Prepared, reply: ReadSyncReply): Promise<RoundResult> {
    const { isCovering, begins, lost, ...taken } = await takeReply(kernel, prepared, reply)
    if (lost > 0) {
      diary.mishap('server_restored', `the server lost ${lost} operations that it had acknowledged`)
      if (diary.state() === 'CHECKING') diary.dispatch('has_changes', 'they go again')
    }
    if (begins || lost > 0) resyncs += 1
    isDrained = isCovering
    return {
      ...taken,
      hasMore: !isDrained || (await hasWork(new Unit(kernel.storage))) || (await isDigestDue()),
      digest: null,
      failure:
        resyncs > MAX_REPAIRS
          ? new SyncFailure('server_error', `the server asked for a full sync ${resyncs} times in one run`)
          : taken.failure,
      pauseMs: reply.retry_after_ms,
    }
  }

  async function isRepaired(failure: unknown, batch: readonly PendingOperation[]): Promise<boolean> {
    const what = await repairQueue(kernel, diary, failure, batch)
    if (what === 'smaller') chunkShare /= 2
    if (what === 'again') repairs += 1
    return what === 'smaller' || (what === 'again' && repairs <= MAX_REPAIRS)
  }
}
