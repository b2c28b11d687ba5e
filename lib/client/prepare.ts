import { chooseBatch, nextDueMs, type Batch } from './batch.ts'
import type { Diary } from './diary.ts'
import { nextQuestion, toConfirm, type Question } from './confirm.ts'
import { buildEnvelope, REPORTED_DEAD_LETTERS } from './envelope.ts'
import type { Exchanger } from './exchange.ts'
import { SyncFailure } from './failure.ts'
import { readIdentity, type Identity } from './identity.ts'
import type { Kernel } from './kernel.ts'
import { assignSeqs, readInflight, readLanes } from './queue.ts'
import { restampAhead } from './restamp.ts'
import { openStamps } from './stamps.ts'
import type { DeadLetter, PendingOperation } from './stored.ts'
import type { Unit } from './unit.ts'

/** A request, ready to be sent once the unit that made it is committed. */
export interface Prepared {
  readonly token: string
  readonly batch: readonly PendingOperation[]
  readonly deadLetters: readonly DeadLetter[]
  readonly question: Question | null
  readonly body: object
}

/**
 * Decides what the next request carries, and gives new operations their seqs.
 * @param options.chunkShare part of a chunk to send, 0–1
 * @param options.isDrained nothing is known to wait on the server
 * @param options.isAsking the server is only asked what it knows, and nothing goes to it
 * @param options.isFirst of a run
 * @param options.turnAtMs when this device may begin its full sync: until then it only pushes
 * @throws SyncFailure `not_enrolled`; `waiting` when there is nothing to send yet and nothing to get
 */
export async function prepareRequest(
  kernel: Kernel,
  unit: Unit,
  options: {
    syncId: string
    story: ReturnType<Diary['open']>
    state: ReturnType<Diary['state']>
    breaker: ReturnType<Exchanger['breaker']>
    retries: number
    chunkShare: number
    isAsking: boolean
    isFirst: boolean
    isDrained: boolean
    turnAtMs: number | null
  },
): Promise<Prepared> {
  const { syncId, story, state, breaker, retries, isAsking, isDrained, turnAtMs } = options
  const identity = await readIdentity(unit)
  if (identity.token === null) throw new SyncFailure('not_enrolled', 'enrol this device first')
  const { limits } = identity
  const { chosen, inflight } = isAsking
    ? nothing
    : await choose(kernel, unit, { limits, chunkShare: options.chunkShare })
  const question = await nextQuestion(unit, {
    isWorth: isDrained || options.isFirst,
    pushes: chosen.resent.length + chosen.fresh.length > 0,
  })
  const dueMs = earliest(nextDueMs(inflight), turnAtMs)
  if (
    (isDrained || turnAtMs !== null) &&
    dueMs !== null &&
    question?.run == null &&
    chosen.resent.length + chosen.fresh.length === 0
  ) {
    throw new SyncFailure('waiting', 'nothing to send yet, and nothing to get', {
      retryAfterMs: Math.max(1, dueMs - kernel.clock.nowMs()),
    })
  }
  const stamps = await openStamps(unit, kernel.clock, identity.deviceId)
  const { deviceId } = identity
  const stamped: PendingOperation[] = []
  for (const operation of chosen.fresh)
    stamped.push(await restampAhead(kernel, unit, stamps, { operation, deviceId }))
  stamps.save()
  const batch = [...chosen.resent, ...(await assignSeqs(unit, stamped))]
  const deadLetters = isAsking ? [] : await unreportedDeadLetters(unit)
  const body = await buildEnvelope(kernel, unit, {
    syncId,
    batch,
    confirm: toConfirm(kernel, question),
    deadLetters,
    diary: story,
    state: batch.length > 0 && state === 'CHECKING' ? 'PUSHING' : state,
    breaker,
    retries,
  })
  return { token: identity.token, batch, deadLetters, question, body }
}

const nothing = { chosen: { resent: [], fresh: [], isFull: false }, inflight: [] }

function earliest(...times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null)
  return known.length === 0 ? null : Math.min(...known)
}

/** What goes, and what was read of what is in flight: no more of it than a request needs, unless nothing can go. */
async function choose(
  kernel: Kernel,
  unit: Unit,
  { limits, chunkShare }: { limits: Identity['limits']; chunkShare: number },
): Promise<{ chosen: Batch; inflight: readonly PendingOperation[] }> {
  const changes = Math.max(1, Math.floor(limits.chunkChanges * chunkShare))
  const room = { changes, bytes: limits.chunkBytes * chunkShare }
  const nowMs = kernel.clock.nowMs()
  const inflight: PendingOperation[] = []
  for (;;) {
    const page = await readInflight(unit, { afterSeq: inflight.at(-1)?.seq ?? 0, limit: changes + 1 })
    inflight.push(...page)
    const isWhole = page.length <= changes
    // A lane may begin with operations that wait for one in flight; read past them.
    const lanes = isWhole ? await readLanes(unit, changes + inflight.length) : []
    const chosen = chooseBatch(inflight, lanes, room, nowMs)
    if (isWhole || chosen.isFull) return { chosen, inflight }
  }
}

async function unreportedDeadLetters(unit: Unit): Promise<readonly DeadLetter[]> {
  const entries = await unit.scan('dead_letters', {})
  return (
    entries
      .map((entry) => entry.value)
      .filter((letter) => !letter.isReported)
      // What goes again needs its dead letter first, to be closed by it.
      .toSorted((a, b) => Number(b.isDismissed) - Number(a.isDismissed))
      .slice(0, REPORTED_DEAD_LETTERS)
  )
}
