import { applyAnswers, type AnswerSummary } from './answers.ts'
import type { Exchanger } from './exchange.ts'
import { buildEnvelope } from './envelope.ts'
import { SyncFailure } from './failure.ts'
import { sendAgain } from './fork.ts'
import { readIdentity } from './identity.ts'
import { isSameAnswer, newestEntry, readJournalDocument, takeOut } from './journal.ts'
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
 * @returns what came of the operation where it was taken a second time; null where all is well
 * @throws SyncFailure, `seq_gap` and `device_forked` among them
 */
export async function probe(
  kernel: Kernel,
  { exchange, breaker }: Exchanger,
  entry: JournalEntry,
  syncId: string,
): Promise<AnswerSummary | null> {
  const { operation, incarnation } = entry
  const { token, body } = await transact(kernel, async (unit) => ({
    token: (await readIdentity(unit)).token,
    body: await buildEnvelope(kernel, unit, {
      syncId,
      batch: [operation],
      incarnation,
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
  const answer = answerIn(reply, operation.opId)
  if (answer === null) throw new SyncFailure('partial_reply', 'the probe was not answered')
  return transact(kernel, async (unit) => {
    unit.putMeta('journal', { ...(await readJournalDocument(unit)), mustProbe: false })
    if (answer !== 'for_now' && isSameAnswer(answer, entry.answer)) return null
    const stamps = await openStamps(unit, kernel.clock, (await readIdentity(unit)).deviceId)
    await takeOut(unit, [entry])
    const { life } = await readIdentity(unit)
    await sendAgain(unit, entry, entry.life === life ? operation.seq : null)
    await beginSnapshot(unit, 'server_restored', { anew: true })
    // Refused for now in an older incarnation: it is sent under this one, and needs no repair there.
    if (answer === 'for_now' && entry.life !== life) return null
    const summary = await applyAnswers(
      kernel,
      unit,
      stamps,
      await readOperations(unit, [operation.ordinal]),
      reply,
    )
    stamps.save()
    return summary
  })
}

/** The newest entry, if it has to be asked about. */
export function dueProbe(kernel: Kernel): Promise<JournalEntry | null> {
  return transact(kernel, async (unit) => {
    const { mustProbe, resending } = await readJournalDocument(unit)
    return mustProbe && resending === 0 ? newestEntry(unit) : null
  })
}

function answerIn(reply: ReadSyncReply, opId: string): JournalAnswer | 'for_now' | null {
  const yes = reply.accepted.find((answer) => answer.op_id === opId)
  if (yes) return { kind: 'accepted', code: yes.outcome, version: yes.version }
  const clash = reply.conflicts.find((answer) => answer.op_id === opId)
  if (clash) return { kind: 'conflict', code: clash.code, version: clash.server_version }
  const no = reply.rejected.find((answer) => answer.op_id === opId)
  if (!no) return null
  return no.retryable ? 'for_now' : { kind: 'rejected', code: no.code, version: null }
}
