import { recordChecksum } from '#lib/protocol/checksum.ts'
import type { Outcome } from '#lib/protocol/sync.ts'
import { sideOpId } from './edits.ts'
import type { Kernel } from './kernel.ts'
import { keepAnswered } from './journal.ts'
import { readOperations } from './queue.ts'
import { buryOperation, holdOperation, reissueOperation } from './refusals.ts'
import type { ReadRejected, ReadSyncReply } from './replies.ts'
import { heardThere, leaveBehind, undoMove } from './rehome.ts'
import { contentOf, setAsideForbidden } from './review.ts'
import {
  emptyRow,
  newerState,
  readPending,
  readRow,
  settleOperation,
  settled,
  writeAnswered,
  writeRow,
} from './rows.ts'
import type { Stamps } from './stamps.ts'
import type { ConflictMark, JournalAnswer, PendingOperation, RecordKey, StoredRecord } from './stored.ts'
import type { Unit } from './unit.ts'

/** What became of one operation, once the server has answered it for good. */
export interface Answer extends RecordKey {
  readonly opId: string
  readonly outcome: Outcome | 'conflict' | 'rejected'
  /** Why it is in conflict or was refused. */
  readonly code: string | null
}

export interface AnswerSummary {
  accepted: number
  conflicts: number
  /** Refused for good, or given up. */
  rejected: number
  /** Refused for now. */
  holes: number
  /** Told to wait for an operation that this store does not have. */
  strays: number
  /** Sent, and not answered by this reply. */
  unanswered: number
  /** Final answers, in the order of the batch. */
  readonly answers: Answer[]
  /** Records that look different now. */
  readonly touched: RecordKey[]
}

/**
 * Takes the server's answers to a batch, one per operation, into the unit. An operation that got no
 * answer stays as it is and is sent again.
 */
export async function applyAnswers(
  kernel: Kernel,
  unit: Unit,
  stamps: Stamps,
  batch: readonly PendingOperation[],
  reply: ReadSyncReply,
): Promise<AnswerSummary> {
  const summary: AnswerSummary = {
    accepted: 0,
    conflicts: 0,
    rejected: 0,
    holes: 0,
    strays: 0,
    unanswered: 0,
    answers: [],
    touched: [],
  }
  const nowMs = kernel.clock.nowMs()
  const accepted = new Map(reply.accepted.map((answer) => [answer.op_id, answer]))
  const conflicted = new Map(reply.conflicts.map((answer) => [answer.op_id, answer]))
  const rejected = new Map<string, ReadRejected>()
  for (const answer of reply.rejected) {
    // An operation whose id the server could not read is named by its place in the request.
    if (answer.op_id !== null) rejected.set(answer.op_id, answer)
    // This device named it, so the name was damaged on its way: it goes again.
    else rejected.set(batch[answer.index ?? -1]?.opId ?? '', { ...answer, retryable: true })
  }
  const covered = new Set(reply.covered)
  const restated = new Map(reply.restated.map((each) => [each.op_id, each.data]))
  const skew = reply.rejected.find((answer) => answer.code === 'clock_skew')
  if (skew) stamps.correct(Date.parse(skew.server_time ?? reply.server_time))

  const answeredAtMs = Date.parse(reply.server_time)
  const keep = (operation: PendingOperation, answer: JournalAnswer) =>
    keepAnswered(unit, operation, answer, answeredAtMs)

  for (const sent of batch) {
    // Its record may have been moved while it was under way, or by an answer before this one.
    const operation = (await readOperations(unit, [sent.ordinal]))[0] ?? sent
    const { opId, scope, table, id } = operation
    const yes = accepted.get(opId)
    const clash = conflicted.get(opId)
    const no = rejected.get(opId)
    // Where the record is by an answer: a move that lost, or that a person is asked about, was not made.
    const placeBy = (answer: { scope?: string | undefined }, isUnmade: boolean) =>
      answer.scope ?? (isUnmade ? operation.fromScope : null) ?? operation.madeIn ?? scope
    if (yes) {
      // An edit that lost to a later one moves nothing, nor one of a record that was deleted before.
      const isUnmade = yes.outcome === 'superseded' || yes.outcome === 'no_change'
      const isUndone = isUnmade && yes.scope !== scope
      const settledRow = await settleOperation(unit, operation, nowMs)
      const row = isUndone ? await undoMove(unit, settledRow, operation) : settledRow
      // Answers repeat the data only where the result is not what was sent; by another stamp of it, it may not be what is here.
      const asSent = yes.outcome === 'applied' || yes.outcome === 'no_change'
      const data = asSent ? (yes.data ?? restated.get(opId) ?? operation.data) : yes.data
      const state = { version: yes.version, data, hlc: operation.hlc, checksum: yes.checksum }
      const conflicts = withoutMark(withOwnVersion(row.conflicts, operation), operation)
      if (operation.firstAnswer?.kind === 'rejected') unit.delete('dead_letters', opId)
      // Taken along to another scope: what the record is there, and that it left here, comes with the feed.
      const isHere = placeBy(yes, isUnmade) === row.scope
      const server = !isHere || covered.has(opId) ? row.server : newerState(row.server, state)
      await writeAnswered(unit, settled({ ...row, conflicts, server }))
      if (!isUndone) await leaveBehind(unit, operation, covered.has(opId) ? null : state)
      const wasMade = !isUnmade || operation.fromScope == null
      if (yes.scope === undefined && wasMade && !covered.has(opId)) await heardThere(unit, operation, state)
      await keep(operation, {
        ...{ kind: 'accepted', code: yes.outcome, version: yes.version },
        ...(yes.scope !== undefined && { scope: yes.scope }),
      })
      summary.accepted += 1
    } else if (clash) {
      const settledRow = await settleOperation(unit, operation, nowMs)
      const row = await undoMove(unit, settledRow, operation, clash.scope)
      const before = row.conflicts.find((each) => each.opId === opId && each.mineOpId !== undefined)
      const mark: ConflictMark = {
        opId,
        conflictId: clash.conflict_id,
        code: clash.code,
        fields: clash.fields,
        ...mineOf(operation),
        // Answered again, it is still what the side went on from.
        ...(before && { mine: before.mine, mineOpId: sideOpId(before), wanted: operation.data }),
        baseVersion: operation.baseVersion,
        baseChecksum: operation.baseChecksum,
        serverVersion: clash.server_version,
        serverData: clash.server_data,
        baseData: clash.base_data,
        atMs: nowMs,
      }
      const checksum = recordChecksum(clash.server_data, kernel.sha256Hex)
      const state = { version: clash.server_version, data: clash.server_data, hlc: null, checksum }
      const others = { ...row, conflicts: withoutMark(row.conflicts, operation) }
      const place = { table, id, scope: placeBy(clash, true) }
      const isElsewhere = place.scope !== row.scope
      if (isElsewhere) await writeRow(unit, settled(others))
      // It is settled where the record is now.
      const there = isElsewhere ? ((await readRow(unit, place)) ?? emptyRow(place)) : others
      // Another device had moved it there first.
      if (clash.scope === scope) await leaveBehind(unit, operation, covered.has(opId) ? null : state)
      // Answered before: somebody may have settled it since, and the feed have gone past that.
      const isSettled = clash.conflict_id !== null && reply.settled.includes(clash.conflict_id)
      const marked = isSettled ? there : withMark(there, mark)
      const server = covered.has(opId) ? there.server : newerState(there.server, state)
      await writeRow(unit, settled({ ...marked, server }))
      await keep(operation, {
        ...{ kind: 'conflict', code: clash.code, version: clash.server_version },
        ref: clash.conflict_id,
        ...(clash.scope !== undefined && { scope: clash.scope }),
      })
      summary.conflicts += 1
    } else if (no && !no.retryable && operation.isShared && isIdTaken(no)) {
      await reissueOperation(kernel, unit, operation)
      summary.holes += 1
      continue
    } else if (no && no.code === 'scope_forbidden' && !no.retryable) {
      const reason = isRecordAway(no) ? 'left_scope' : 'scope_forbidden'
      await setAsideForbidden(unit, operation, { reason, atMs: nowMs })
      const ref = no.dead_letter_id ?? null
      await keep(operation, { kind: 'rejected', code: no.code, version: null, ref })
      summary.rejected += 1
    } else if (no && !no.retryable) {
      await buryOperation(unit, operation, {
        code: no.code,
        detail: no.detail,
        deadLetterId: no.dead_letter_id ?? null,
        isReported: true,
        atMs: nowMs,
      })
      const ref = no.dead_letter_id ?? null
      await keep(operation, { kind: 'rejected', code: no.code, version: null, ref })
      summary.rejected += 1
    } else if (no) {
      if (no.code === 'dependency_pending' && (await isFirst(unit, operation))) summary.strays += 1
      const gaveUp = await holdOperation(kernel, unit, stamps, operation, no, reply.retry_after_ms)
      if (!gaveUp) {
        summary.holes += 1
        continue
      }
      summary.rejected += 1
    } else {
      summary.unanswered += 1
      continue
    }
    summary.touched.push({ scope, table, id })
    summary.answers.push({
      ...{ scope, table, id, opId },
      outcome: yes?.outcome ?? (clash ? 'conflict' : 'rejected'),
      code: clash?.code ?? no?.code ?? null,
    })
  }
  return summary
}

/** Whether its op id alone is in the way: a twin sent something else under it. */
function isIdTaken({ code, errors }: ReadRejected): boolean {
  return code === 'invalid_change' && errors.some(({ pointer }) => pointer === '/op_id')
}

/** Whether its record moved to where this device has no grant: sent again before it comes back, it would be refused again. */
function isRecordAway({ errors }: ReadRejected): boolean {
  return errors.some(({ pointer }) => pointer === '/record_id')
}

/**
 * Whether nothing that this store sent stands before the operation on its record. A later step of a saga waits for its
 * saga: that ends, also where the step before it never comes.
 */
async function isFirst(unit: Unit, operation: PendingOperation): Promise<boolean> {
  if (operation.saga !== null && operation.saga.step > 1) return false
  const before = await readPending(unit, await readRow(unit, operation))
  return before.every(({ seq, ordinal }) => seq === null || ordinal >= operation.ordinal)
}

/** A newer refusal of the same kind replaces the older ones; a person's conflicts stay, each its own. */
function withMark(row: StoredRecord, mark: ConflictMark): StoredRecord {
  const kept = row.conflicts.filter((each) => mark.code === 'manual' || each.code !== mark.code)
  return { ...row, conflicts: [...kept, mark] }
}

function mineOf(operation: PendingOperation): Pick<ConflictMark, 'mine' | 'edit'> {
  const { data, ...edit } = contentOf(operation)
  return { mine: data, edit }
}

/** An operation that is answered again may no longer be in the conflict it was in. */
function withoutMark(
  conflicts: readonly ConflictMark[],
  { opId }: PendingOperation,
): readonly ConflictMark[] {
  return conflicts.filter((mark) => mark.opId !== opId)
}

/**
 * An edit made while a conflict was open belongs to this device's side of it: the next one is made on what it pushed.
 * What is in conflict is still the first alone, since the server took this one.
 */
function withOwnVersion(
  conflicts: readonly ConflictMark[],
  operation: PendingOperation,
): readonly ConflictMark[] {
  const last = conflicts.at(-1)
  // One that is sent again was made before the conflict, or is its own.
  if (!last || operation.firstAnswer) return conflicts
  const wanted = last.wanted === undefined ? last.mine : last.wanted
  return [...conflicts.slice(0, -1), { ...last, mine: operation.data, mineOpId: operation.opId, wanted }]
}
