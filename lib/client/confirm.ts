import { answerDigest, contentHash } from '#lib/protocol/confirm.ts'
import { toChange } from './envelope.ts'
import { sendLostAgain } from './fork.ts'
import { doubt, isWithin, keyOfEntry, readJournalDocument } from './journal.ts'
import type { Kernel } from './kernel.ts'
import type { ReadSyncReply } from './replies.ts'
import { beginSnapshot } from './snapshot.ts'
import type { JournalEntry, MetaDocuments } from './stored.ts'
import type { Unit } from './unit.ts'

/** As many operations as one request asks about. */
const ASKED = 500

/** What a request asks the server about: whether it still knows what it answered, operation by operation. */
export interface Question {
  readonly entries: readonly JournalEntry[]
  /** The journal as it was when this was asked. */
  readonly document: MetaDocuments['journal']
  /** Of those that no token shows, in a row: the last one, and whether there are more. */
  readonly run: { readonly upTo: string | null; readonly isWhole: boolean } | null
}

/** Whether the server has to be asked before anything else; not where there is nothing to ask it about. */
export async function isAskingDue(unit: Unit): Promise<boolean> {
  const document = await readJournalDocument(unit)
  if (!document.mustAsk || document.lastKey !== null) return document.mustAsk
  unit.putMeta('journal', { ...document, mustAsk: false, askedUpTo: null, unprovenAfter: null })
  return false
}

/** Of what left no trace more than goes along with a request: then everything is asked for, once in each run. */
export async function doubtMany(unit: Unit): Promise<void> {
  const { traceless } = await readJournalDocument(unit)
  if (traceless.length > ASKED) await doubt(unit)
}

/**
 * Notes what this device is granted, before a reply's answers are taken in. A token tells nothing of a scope that the
 * device has no more: what was answered there can only be asked about.
 */
export async function noteScopes(unit: Unit, granted: readonly string[]): Promise<void> {
  const document = await readJournalDocument(unit)
  const { scopes, traceless } = document
  if (scopes?.length === granted.length && scopes.every((scope) => granted.includes(scope))) return
  const known = new Set(traceless)
  const left = (await unit.scan('journal', {})).filter(
    ({ key, value }) => !known.has(key) && !isWithin(value, granted),
  )
  unit.putMeta('journal', {
    ...{ ...document, scopes: [...granted] },
    traceless: [...traceless, ...left.map(({ key }) => key)],
  })
}

/** Whether there is something that no token shows, and that the server can be asked about. */
export async function isAnythingUnproven(unit: Unit): Promise<boolean> {
  const { mustAsk, unprovenAfter, lastKey } = await readJournalDocument(unit)
  return mustAsk || (unprovenAfter !== null && lastKey !== null && lastKey > unprovenAfter)
}

/**
 * What the next request asks: while there is a doubt, the next of all; otherwise it carries along what no token shows yet.
 * @param isWorth nothing is known to wait on the server, so that its reply can show it
 * @param pushes new operations go along: where they are taken, they show what left no trace itself
 */
export async function nextQuestion(
  unit: Unit,
  { isWorth, pushes }: { isWorth: boolean; pushes: boolean },
): Promise<Question | null> {
  const document = await readJournalDocument(unit)
  const { mustAsk, askedUpTo, unprovenAfter, traceless } = document
  const after = mustAsk ? (askedUpTo ?? '') : isWorth ? unprovenAfter : null
  const page = after === null ? [] : await unit.scan('journal', { after, limit: ASKED })
  const run = after === null ? null : { upTo: page.at(-1)?.key ?? null, isWhole: page.length < ASKED }
  const entries = page.map(({ value }) => value)
  if (!mustAsk && (isWorth || pushes)) {
    const inPage = new Set(page.map(({ key }) => key))
    for (const key of traceless.slice(0, ASKED)) {
      const entry = inPage.has(key) ? undefined : await unit.get('journal', key)
      if (entry) entries.push(entry)
    }
  }
  return run || entries.length > 0 ? { entries, document, run } : null
}

/** The question as it goes over the wire. */
export function toConfirm(kernel: Kernel, question: Question | null) {
  return question?.entries.map(({ operation, incarnation, answer }) => {
    const hash = contentHash(toChange(operation), kernel.sha256Hex)
    const { kind, code, version, ref = null } = answer
    return {
      ...{ op_id: operation.opId, incarnation, seq: operation.seq ?? 0 },
      digest: answerDigest(hash, { kind, code, version, ref }, kernel.sha256Hex),
      ...(kind === 'rejected' && ref !== null && { dead_letter_id: ref }),
    }
  })
}

/**
 * Takes in what the server said to a question. What it lost shows that it was restored: everything is asked for then,
 * and what it does not know goes again, all at once and before anything new.
 * @param isCovering the reply's token covers what was answered until now
 * @param isShown an answer of this reply is a write that the token covers, made after the question was looked into
 * @returns how many operations go again
 */
export async function takeConfirmation(
  kernel: Kernel,
  unit: Unit,
  before: MetaDocuments['journal'],
  heard: {
    question: Question | null
    reply: ReadSyncReply
    isCovering: boolean
    isShown: boolean
  },
): Promise<number> {
  const { question, reply, isCovering, isShown } = heard
  const now = await readJournalDocument(unit)
  const asked = question?.entries ?? []
  // A server of before does not say: then all of it goes again, and it answers what it knows as it did.
  const unknown = reply.unconfirmed && new Set(reply.unconfirmed)
  const isLost = ({ operation }: JournalEntry) => unknown?.has(operation.opId) ?? true
  const lost = asked.filter(isLost).map(keyOfEntry)
  const known = new Set(asked.filter((entry) => !isLost(entry)).map(keyOfEntry))
  // What was answered together with a write was answered no later than that.
  const isLeft = (key: string) => before.traceless.includes(key) && !known.has(key)
  const document = {
    ...now,
    unprovenAfter: isCovering ? unprovenThen(before, question) : now.unprovenAfter,
    traceless: isCovering && isShown ? now.traceless.filter(isLeft) : now.traceless,
    lost: [...new Set([...now.lost, ...lost])],
  }
  unit.putMeta('journal', document)
  if (lost.length > 0 && unknown) await beginSnapshot(unit, 'server_restored', { anew: true })
  if (!question?.document.mustAsk) {
    if (lost.length > 0 && unknown) await doubt(unit)
    else if (lost.length > 0) unit.putMeta('journal', { ...document, mustAsk: true, askedUpTo: now.lastKey })
    return 0
  }
  const { upTo, isWhole } = question.run!
  unit.putMeta('journal', { ...document, mustAsk: !isWhole, askedUpTo: isWhole ? null : upTo })
  return isWhole ? sendLostAgain(kernel, unit) : 0
}

/** Where what no token shows begins, once one covers what was answered until now, and what was asked. */
function unprovenThen({ unprovenAfter }: MetaDocuments['journal'], question: Question | null): string | null {
  if (unprovenAfter === null || !question?.run) return unprovenAfter
  const { document, run } = question
  const from = document.mustAsk ? (document.askedUpTo ?? '') : document.unprovenAfter
  if (from === null || from > unprovenAfter) return unprovenAfter
  return run.isWhole ? null : run.upTo
}
