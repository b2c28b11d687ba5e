import { applyAnswers, type Answer } from './answers.ts'
import type { Diary } from './diary.ts'
import { compareDigests, type DigestReport } from './digest-check.ts'
import type { Exchanger } from './exchange.ts'
import { SyncFailure } from './failure.ts'
import { closeGap, divideFromTwin, startNewLife } from './fork.ts'
import { takeSnapshotPage } from './full-sync.ts'
import { readIdentity } from './identity.ts'
import { isIntact } from './integrity.ts'
import { pruneJournal, readJournalDocument } from './journal.ts'
import { transact, type Kernel } from './kernel.ts'
import { prepareRequest, type Prepared } from './prepare.ts'
import { dueProbe, probe } from './probe.ts'
import { readInflight, readLanes } from './queue.ts'
import { buryOperation } from './refusals.ts'
import { syncReplySchema, type ReadSyncReply } from './replies.ts'
import { handBackSeen } from './review.ts'
import { clearGraves, readRowsDocument } from './rows.ts'
import { applyServerChange } from './server-changes.ts'
import { StorageFullError } from './ports.ts'
import { abandonSnapshot, beginSnapshot, purgeGarbage } from './snapshot.ts'
import { openStamps, type Stamps } from './stamps.ts'
import {
  recordKey,
  type DeadLetter,
  type JournalEntry,
  type PendingOperation,
  type RecordKey,
} from './stored.ts'
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
  /** The answers were taken in, but the reply was not all it should have been: the rest has to come again. */
  readonly failure: SyncFailure | null
  /** How long the server wants to be left alone before the next request. */
  readonly pauseMs: number
  /** Set where the rows were compared with the server's. */
  readonly digest: DigestReport | null
}

/** The rounds of one run, from its trigger to its end. */
export interface Rounds {
  begin(): void
  /** Compares the rows with the server's once nothing waits on it, whenever that was done last. */
  wantDigest(): void
  /** @throws SyncFailure when the round did not go through: nothing of it was applied */
  next(retries: number): Promise<RoundResult>
}

const NOTHING: RoundResult = {
  accepted: 0,
  conflicts: 0,
  rejected: 0,
  pulled: 0,
  answers: [],
  touched: [],
  hasMore: true,
  failure: null,
  pauseMs: 0,
  digest: null,
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
  let repairs = 0
  let resyncs = 0
  let isSwept = false
  /** Full syncs take turns; while this device waits for its own, it pushes. */
  let turnAtMs = 0
  /** The server had nothing more in its last answer. */
  let isDrained = false
  let isDigestWanted = false

  return {
    begin() {
      chunkShare = 1
      repairs = 0
      resyncs = 0
      isSwept = false
      isDrained = false
    },
    wantDigest() {
      isDigestWanted = true
    },
    async next(retries) {
      // A full sync that was over but for this when the device was switched off.
      if (!isSwept) await purgeGarbage(kernel)
      isSwept = true
      const { snapshot } = await transact(kernel, readRowsDocument)
      const inDoubt = snapshot || isDrained ? await dueProbe(kernel) : null
      if (inDoubt) return ask(inDoubt)
      const isDue = snapshot !== null && !(await isResending(new Unit(kernel.storage)))
      const mustWait = isDue && snapshot.cursor === null && turnAtMs > kernel.clock.nowMs()
      if (isDue && !mustWait) return fetchPage(snapshot.cursor)
      if (!snapshot && isDrained && (await isDigestDue())) return compare()
      const story = diary.open()
      const prepared = await transact(kernel, (unit) =>
        prepareRequest(kernel, unit, {
          ...{ story, retries, chunkShare, isDrained },
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
        return await accept(prepared, reply)
      } catch (error) {
        if (await repair(error, prepared.batch)) return NOTHING
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

  /** Whether the server still knows what it acknowledged. */
  async function ask(entry: JournalEntry): Promise<RoundResult> {
    try {
      const again = await probe(kernel, exchanger, entry)
      if (again) {
        diary.mishap('server_restored', 'the server lost the last operation it acknowledged')
        if (diary.state() === 'CHECKING') diary.dispatch('has_changes', 'one goes again')
      }
      return { ...NOTHING, ...again }
    } catch (error) {
      if (await repair(error, [], entry.life)) return NOTHING
      throw error
    }
  }

  async function accept(prepared: Prepared, reply: ReadSyncReply): Promise<RoundResult> {
    kernel.lamport.receive(reply.lamport ?? 0)
    const fits = (row: Parameters<typeof isIntact>[0]) => isIntact(row, kernel.sha256Hex)
    if (!reply.accepted.every((answer) => answer.data === null || fits(answer))) {
      throw new SyncFailure('corrupt_reply', 'an answer does not match its checksum')
    }
    const isPageIntact = reply.server_changes.every(fits)
    const isCovering = isPageIntact && !reply.has_more && reply.resync === null
    const summary = await transact(kernel, async (unit) => {
      const { deviceId } = await readIdentity(unit)
      const stamps = await openStamps(unit, kernel.clock, deviceId)
      const answers = await applyAnswers(kernel, unit, stamps, prepared.batch, reply)
      await markReported(unit, prepared.deadLetters)
      await pruneJournal(kernel, unit, Date.parse(reply.server_time), isCovering)
      // Until a token covers what was answered here, no feed can show that the server lost it.
      const begins = reply.resync !== null && (await beginSnapshot(unit, reply.resync.reason))
      if (begins) resyncs += 1
      if (begins || (answers.answers.length > 0 && !isCovering)) await mustProbe(unit)
      if (!reply.resync && isPageIntact) answers.touched.push(...(await takePage(unit, stamps, reply)))
      if (isPageIntact && !reply.has_more && !reply.resync) await clearGraves(unit)
      stamps.save()
      return answers
    })
    // A twin had an operation refused for now under this incarnation, and will not repair it under it.
    if (summary.strays > 0 && prepared.deadLetters.length === 0) {
      await transact(kernel, (unit) => startNewLife(kernel, unit))
    }
    isDrained = isCovering
    return {
      ...summary,
      pulled: reply.resync || !isPageIntact ? 0 : reply.server_changes.length,
      hasMore: !isDrained || (await hasWork(new Unit(kernel.storage))) || (await isDigestDue()),
      digest: null,
      failure:
        resyncs > MAX_REPAIRS
          ? new SyncFailure('server_error', `the server asked for a full sync ${resyncs} times in one run`)
          : shortcoming(isPageIntact, summary.unanswered),
      pauseMs: reply.retry_after_ms,
    }
  }

  async function takePage(unit: Unit, stamps: Stamps, reply: ReadSyncReply): Promise<RecordKey[]> {
    const nowMs = kernel.clock.nowMs()
    const touched: RecordKey[] = []
    const seen = new Set<string>()
    const scopes = new Set<string>()
    for (const change of reply.server_changes) {
      const { scope, table, record_id: id } = change
      const isHere = change.operation !== 'LEAVE'
      if (isHere) scopes.add(scope)
      seen[isHere ? 'add' : 'delete'](recordKey(0, { scope, table, id }))
      touched.push(await applyServerChange(kernel, unit, stamps, change))
    }
    await handBackSeen(kernel, unit, {
      hasRecord: (item) => seen.has(recordKey(0, item)),
      hasScope: (scope) => scopes.has(scope),
    })
    unit.putMeta('feed', { token: reply.sync_token, epoch: reply.epoch, lastSyncAtMs: nowMs })
    return touched
  }

  /** Puts right what the server found wrong with the queue. @returns false where that cannot be done */
  async function repair(
    failure: unknown,
    batch: readonly PendingOperation[],
    askedLife?: number,
  ): Promise<boolean> {
    if (!(failure instanceof SyncFailure)) return false
    if (failure.code === 'device_forked') {
      await transact(kernel, (unit) => divideFromTwin(kernel, unit))
    } else if (failure.code === 'seq_gap') {
      const expectedSeq = failure.expectedSeq ?? 1
      const again = await transact(kernel, async (unit) => {
        const life = askedLife ?? (await readIdentity(unit)).life
        return closeGap(kernel, unit, { expectedSeq, life })
      })
      if (again > 0) {
        const what = `the server asks for operation ${expectedSeq}`
        diary.mishap('server_restored', `${what}: ${again} that it had acknowledged go again`)
      }
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
      isReported: true,
      atMs: kernel.clock.nowMs(),
    })
    await startNewLife(kernel, unit)
  }
}

/** What a reply lacked. Its answers count all the same; the page, or the missing answers, are asked for again. */
function shortcoming(isPageIntact: boolean, unanswered: number): SyncFailure | null {
  if (!isPageIntact) return new SyncFailure('corrupt_reply', 'a row in the reply does not match its checksum')
  if (unanswered > 0) return new SyncFailure('partial_reply', `${unanswered} operations were not answered`)
  return null
}

/** The server knows of these now; one that the app has dismissed meanwhile can go. */
async function markReported(unit: Unit, letters: readonly DeadLetter[]): Promise<void> {
  for (const { operation } of letters) {
    const letter = await unit.get('dead_letters', operation.opId)
    if (letter?.isDismissed) unit.delete('dead_letters', operation.opId)
    else if (letter) unit.put('dead_letters', operation.opId, { ...letter, isReported: true })
  }
}

async function mustProbe(unit: Unit): Promise<void> {
  unit.putMeta('journal', { ...(await readJournalDocument(unit)), mustProbe: true })
}

/** What a restored server lost goes before the full sync; what it refuses for now does not hold that up. */
async function isResending(unit: Unit): Promise<boolean> {
  if ((await readJournalDocument(unit)).resending === 0) return false
  const queued = [await readInflight(unit), ...(await readLanes(unit, Infinity))].flat()
  return queued.some((operation) => operation.firstAnswer !== null && operation.hole === null)
}

async function hasWork(unit: Unit): Promise<boolean> {
  const { snapshot } = await readRowsDocument(unit)
  const { mustProbe, lastKey } = await readJournalDocument(unit)
  if (snapshot || (mustProbe && lastKey !== null)) return true
  const inflight = await unit.scan('inflight', { limit: 1 })
  if (inflight.length > 0) return true
  const outbox = await unit.scan('outbox', { limit: 1 })
  return outbox.length > 0
}
