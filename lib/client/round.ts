import type { JsonObject } from '#lib/core/json.ts'
import { recordChecksum } from '#lib/protocol/checksum.ts'
import { applyAnswers, buryOperation, type Answer, type AnswerSummary } from './answers.ts'
import { chooseBatch, nextDueMs, type Batch } from './batch.ts'
import type { Diary } from './diary.ts'
import { buildEnvelope, REPORTED_DEAD_LETTERS } from './envelope.ts'
import type { Exchanger } from './exchange.ts'
import { SyncFailure } from './failure.ts'
import { closeGap, startNewLife } from './fork.ts'
import { readIdentity, type Identity } from './identity.ts'
import { transact, type Kernel } from './kernel.ts'
import { assignSeqs, readInflight, readLanes } from './queue.ts'
import { snapshotReplySchema, syncReplySchema, type ReadSyncReply } from './replies.ts'
import { readRowsDocument } from './rows.ts'
import { applyServerChange } from './server-changes.ts'
import { applySnapshotPage, beginSnapshot, purgeGarbage } from './snapshot.ts'
import { openStamps } from './stamps.ts'
import type { DeadLetter, PendingOperation, RecordKey } from './stored.ts'
import { Unit } from './unit.ts'

/** What one request and its answer came to. */
export interface RoundResult {
  readonly accepted: number
  readonly conflicts: number
  readonly rejected: number
  readonly pulled: number
  readonly answers: readonly Answer[]
  readonly touched: readonly RecordKey[]
  readonly hasMore: boolean
  /** How long the server wants to be left alone before the next request. */
  readonly pauseMs: number
}

/** The rounds of one run, from its trigger to its end. */
export interface Rounds {
  begin(): void
  /** @throws SyncFailure when the round did not go through */
  next(retries: number): Promise<RoundResult>
}

interface Prepared {
  readonly token: string
  readonly batch: readonly PendingOperation[]
  readonly deadLetters: readonly DeadLetter[]
  readonly body: object
}

const NOTHING: RoundResult = {
  accepted: 0,
  conflicts: 0,
  rejected: 0,
  pulled: 0,
  answers: [],
  touched: [],
  hasMore: true,
  pauseMs: 0,
}

/** More restarts of the queue than this in one run mean that something else is wrong. */
const MAX_REPAIRS = 5

/**
 * The requests of one device, one at a time: what to send is decided and made durable before it is
 * sent, and what comes back is taken in as one atomic step.
 */
export function createRounds(kernel: Kernel, exchanger: Exchanger, diary: Diary): Rounds {
  /** Part of a chunk that a request carries; halved when the server finds one too large. */
  let chunkShare = 1
  let repairs = 0
  /** The server had nothing more in its last answer. */
  let isDrained = false

  return {
    begin() {
      chunkShare = 1
      repairs = 0
      isDrained = false
    },
    async next(retries) {
      const { snapshot } = await transact(kernel, readRowsDocument)
      if (snapshot) return nextSnapshotPage(snapshot.cursor)
      const story = diary.open()
      const prepared = await transact(kernel, (unit) => prepare(unit, story, retries))
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
        return await accept(prepared, reply)
      } catch (error) {
        if (error instanceof SyncFailure && (await repair(error, prepared.batch))) return NOTHING
        throw error
      }
    },
  }

  async function prepare(unit: Unit, story: ReturnType<Diary['open']>, retries: number): Promise<Prepared> {
    const identity = await readIdentity(unit)
    if (identity.token === null) throw new SyncFailure('not_enrolled', 'enrol this device first')
    const inflight = await readInflight(unit)
    const chosen = await choose(unit, inflight, identity.limits)
    const dueMs = nextDueMs(inflight)
    if (isDrained && dueMs !== null && chosen.resent.length + chosen.fresh.length === 0) {
      throw new SyncFailure('waiting', 'every operation left waits for its next attempt', {
        retryAfterMs: Math.max(1, dueMs - kernel.clock.nowMs()),
      })
    }
    const fresh = await assignSeqs(unit, await restamped(unit, identity.deviceId, chosen.fresh))
    const batch = [...chosen.resent, ...fresh]
    const deadLetters = await unreportedDeadLetters(unit)
    const body = await buildEnvelope(kernel, unit, {
      batch,
      deadLetters,
      diary: story,
      state: batch.length > 0 && diary.state() === 'CHECKING' ? 'PUSHING' : diary.state(),
      breaker: exchanger.breaker(),
      retries,
    })
    return { token: identity.token, batch, deadLetters, body }
  }

  async function choose(
    unit: Unit,
    inflight: readonly PendingOperation[],
    { chunkChanges, chunkBytes }: Identity['limits'],
  ): Promise<Batch> {
    const changes = Math.max(1, Math.floor(chunkChanges * chunkShare))
    // A lane may begin with operations that wait for one in flight; read past them.
    const lanes = await readLanes(unit, changes + inflight.length)
    return chooseBatch(inflight, lanes, { changes, bytes: chunkBytes * chunkShare }, kernel.clock.nowMs())
  }

  /** An edit stamped before the clock was corrected would only be refused. */
  async function restamped(
    unit: Unit,
    deviceId: string,
    operations: readonly PendingOperation[],
  ): Promise<readonly PendingOperation[]> {
    const stamps = await openStamps(unit, kernel.clock, deviceId)
    if (!operations.some((operation) => stamps.isAhead(operation.hlc))) return operations
    const all = operations.map((each) => (stamps.isAhead(each.hlc) ? { ...each, hlc: stamps.next() } : each))
    stamps.save()
    return all
  }

  async function accept(prepared: Prepared, reply: ReadSyncReply): Promise<RoundResult> {
    if (!reply.accepted.every((answer) => answer.data === null || isIntact(answer))) {
      throw new SyncFailure('corrupt_reply', 'an answer does not match its checksum')
    }
    const isPageIntact = reply.server_changes.every(isIntact)
    const summary = await transact(kernel, async (unit) => {
      const { deviceId } = await readIdentity(unit)
      const stamps = await openStamps(unit, kernel.clock, deviceId)
      const answers = await applyAnswers(kernel, unit, stamps, prepared.batch, reply)
      for (const letter of prepared.deadLetters) {
        unit.put('dead_letters', letter.operation.opId, { ...letter, reported: true })
      }
      if (reply.resync) await beginSnapshot(unit, reply.resync.reason)
      else if (isPageIntact) await takePage(unit, stamps, reply, answers)
      stamps.save()
      return answers
    })
    // The answers are kept; the rows and the token are not, so the same page is asked for again.
    if (!isPageIntact) {
      throw new SyncFailure('corrupt_reply', 'a row in the reply does not match its checksum')
    }
    if (summary.unanswered > 0) {
      throw new SyncFailure('partial_reply', `${summary.unanswered} operations were not answered`)
    }
    isDrained = !reply.has_more && reply.resync === null
    return {
      ...summary,
      pulled: reply.resync ? 0 : reply.server_changes.length,
      hasMore: !isDrained || (await hasWork(new Unit(kernel.storage))),
      pauseMs: reply.retry_after_ms,
    }
  }

  async function takePage(
    unit: Unit,
    stamps: Awaited<ReturnType<typeof openStamps>>,
    reply: ReadSyncReply,
    summary: AnswerSummary,
  ): Promise<void> {
    const nowMs = kernel.clock.nowMs()
    for (const change of reply.server_changes) {
      summary.touched.push(await applyServerChange(unit, stamps, change, nowMs))
    }
    unit.putMeta('feed', { token: reply.sync_token, epoch: reply.epoch, lastSyncAtMs: nowMs })
  }

  async function nextSnapshotPage(cursor: string | null): Promise<RoundResult> {
    const { token } = await transact(kernel, readIdentity)
    const query = cursor === null ? '' : `?cursor=${encodeURIComponent(cursor)}`
    const page = await exchanger
      .exchange({ method: 'GET', path: `/api/v1/snapshot${query}`, token, reply: snapshotReplySchema })
      .catch(async (error: unknown) => {
        if (!(error instanceof SyncFailure) || error.code !== 'cursor_expired') throw error
        await transact(kernel, (unit) => beginSnapshot(unit, 'cursor_expired'))
        return null
      })
    if (!page) return NOTHING
    if (!page.items.every(isIntact)) {
      throw new SyncFailure('corrupt_reply', 'a row in the snapshot does not match its checksum')
    }
    const isComplete = await transact(kernel, async (unit) => {
      const { deviceId } = await readIdentity(unit)
      const stamps = await openStamps(unit, kernel.clock, deviceId)
      const isLast = await applySnapshotPage(unit, stamps, page, kernel.clock.nowMs())
      stamps.save()
      return isLast
    })
    if (isComplete) await purgeGarbage(kernel)
    const touched = page.items.map(({ scope, table, record_id }) => ({ scope, table, id: record_id }))
    return { ...NOTHING, pulled: page.items.length, touched }
  }

  /** Puts right what the server found wrong with the queue. @returns false where that cannot be done */
  async function repair(failure: SyncFailure, batch: readonly PendingOperation[]): Promise<boolean> {
    if (failure.code === 'device_forked') {
      await transact(kernel, (unit) => startNewLife(kernel, unit))
    } else if (failure.code === 'seq_gap') {
      await transact(kernel, (unit) => closeGap(kernel, unit, failure.expectedSeq ?? 0))
    } else if (failure.code === 'payload_too_large' && batch.length > 1) {
      chunkShare /= 2
      return true
    } else if (failure.code === 'payload_too_large' && batch[0]) {
      const [operation] = batch
      await transact(kernel, (unit) => giveUpUnsendable(unit, operation))
    } else {
      return false
    }
    repairs += 1
    return repairs <= MAX_REPAIRS
  }

  /** The server never takes this operation in, so its seq would stay a gap: the others start over without it. */
  async function giveUpUnsendable(unit: Unit, operation: PendingOperation): Promise<void> {
    await buryOperation(unit, operation, {
      code: 'record_too_large',
      detail: 'the server refuses a request that holds this change alone',
      deadLetterId: null,
      reported: true,
      atMs: kernel.clock.nowMs(),
    })
    await startNewLife(kernel, unit)
  }

  /** Whether what a row holds is what its checksum was made of. A row that only says `LEAVE` holds nothing. */
  function isIntact(row: {
    operation?: string
    data: JsonObject | null
    checksum?: string | null | undefined
  }): boolean {
    if (row.operation === 'LEAVE' || row.checksum == null) return true
    return recordChecksum(row.data, kernel.sha256Hex) === row.checksum
  }
}

async function unreportedDeadLetters(unit: Unit): Promise<readonly DeadLetter[]> {
  const entries = await unit.scan('dead_letters', {})
  return entries
    .map((entry) => entry.value)
    .filter((letter) => !letter.reported)
    .slice(0, REPORTED_DEAD_LETTERS)
}

async function hasWork(unit: Unit): Promise<boolean> {
  const inflight = await unit.scan('inflight', { limit: 1 })
  if (inflight.length > 0) return true
  const outbox = await unit.scan('outbox', { limit: 1 })
  return outbox.length > 0
}
