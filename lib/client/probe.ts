import { applyAnswers, isIdTaken, type AnswerSummary } from './answers.ts'
import type { Exchanger } from './exchange.ts'
import { buildEnvelope } from './envelope.ts'
import { SyncFailure } from './failure.ts'
import { sendRepairedAgain } from './fork.ts'
import { readIdentity } from './identity.ts'
import { doubtBefore, isSameAnswer, nextInDoubt, undoubted } from './journal.ts'
import { transact, type Kernel } from './kernel.ts'
import { readOperations } from './queue.ts'
import { syncReplySchema, type ReadSyncReply } from './replies.ts'
import { beginSnapshot } from './snapshot.ts'
import { openStamps } from './stamps.ts'
import type { JournalAnswer, JournalEntry } from './stored.ts'

/** Nothing to report: a probe is about the past. */
const NO_STORY = { transitions: [], mishaps: [], told: () => undefined }

/**
 * Asks whether the server still knows what it acknowledged last, by sending that once more: the same
 * answer, or `seq_gap` from a server that was restored to a time before it. A device with nothing
 * to push would never find out otherwise, and its work would be gone.
 * @param entries of one life, in the order of their seqs
 * @returns what came of the operations that were taken a second time; null where all is well
 * @throws SyncFailure, `seq_gap` and `device_forked` among them
 */
export async function probe(
  kernel: Kernel,
  { exchange, breaker }: Exchanger,
  entries: readonly [JournalEntry, ...JournalEntry[]],
  syncId: string,
): Promise<AnswerSummary | null> {
  const { token, body } = await transact(kernel, async (unit) => ({
    token: (await readIdentity(unit)).token,
    body: await buildEnvelope(kernel, unit, {
      syncId,
      batch: entries.map(({ operation }) => operation),
      incarnation: entries[0].incarnation,
      deadLetters: [],
      diary: NO_STORY,
      state: 'CHECKING',
      breaker: breaker(),
      retries: 0,
    }),
  }))
  const reply = await exchange({
    method: 'POST',
    path: '/api/v1/sync',
    token,
    body,
    reply: syncReplySchema,
  })
  const answers = entries.map(({ operation }) => answerIn(reply, operation.opId))
  if (answers.includes(null)) throw new SyncFailure('partial_reply', 'the probe was not answered')
  return transact(kernel, async (unit) => {
    await undoubted(unit, entries)
    // Refused again because its op id is another's: that is said each time anew, and nothing was taken.
    const telling = entries.filter(({ operation, answer }, index) => {
      const isRefusedForId = reply.rejected.some((no) => no.op_id === operation.opId && isIdTaken(no))
      const now = answers[index]
      return !isRefusedForId || !now || now === 'for_now' || !isSameAnswer(now, answer)
    })
    const isNew = reply.repeated !== undefined && reply.repeated < telling.length
    const isDecided = answers.every((each) => each !== 'for_now')
    if (isNew && isDecided) await doubtBefore(unit, entries[0])
    const isForNow = (entry: JournalEntry) => answers[entries.indexOf(entry)] === 'for_now'
    const anew = entries.filter((entry, index) => {
      const answer = answers[index]
      return answer === 'for_now' || !answer || !isSameAnswer(answer, entry.answer)
    })
    if (anew.length === 0) return null
    const stamps = await openStamps(unit, kernel.clock, (await readIdentity(unit)).deviceId)
    const { life } = await readIdentity(unit)
    await sendRepairedAgain(unit, anew)
    await beginSnapshot(unit, 'server_restored', { anew: true })
    // Refused for now in an older incarnation: it is sent under this one, and needs no repair there.
    const settled = anew.filter((entry) => entry.life === life || !isForNow(entry))
    const ordinals = settled.map(({ operation }) => operation.ordinal)
    const summary = await applyAnswers(kernel, unit, stamps, await readOperations(unit, ordinals), reply)
    stamps.save()
    return summary
  })
}

/** What the server has to be asked about next. */
export function dueProbe(kernel: Kernel): Promise<readonly JournalEntry[]> {
  return transact(kernel, nextInDoubt)
}

function answerIn(reply: ReadSyncReply, opId: string): JournalAnswer | 'for_now' | null {
  const yes = reply.accepted.find((answer) => answer.op_id === opId)
  if (yes) return { kind: 'accepted', code: yes.outcome, version: yes.version }
  const clash = reply.conflicts.find((answer) => answer.op_id === opId)
  if (clash) {
    return { kind: 'conflict', code: clash.code, version: clash.server_version, ref: clash.conflict_id }
  }
  const no = reply.rejected.find((answer) => answer.op_id === opId)
  if (!no) return null
  if (no.retryable) return 'for_now'
  return { kind: 'rejected', code: no.code, version: null, ref: no.dead_letter_id ?? null }
}
