import type { Kernel } from './kernel.ts'
import { numberKey, type JournalAnswer, type JournalEntry, type PendingOperation } from './stored.ts'
import { readIdentity } from './identity.ts'
import type { MetaDocuments } from './stored.ts'
import type { Unit } from './unit.ts'

/** Entries looked at in one go while pruning. */
const PRUNE_PAGE = 100

type JournalDocument = MetaDocuments['journal']

const EMPTY: JournalDocument = {
  ...{ bytes: 0, lastKey: null, resending: 0, mustAsk: false, askedUpTo: null, lost: [] },
  ...{ unprovenAfter: null, traceless: [] },
}

/** That of a store which an earlier version of this library wrote tells nothing of what is proven: nothing is. */
const OLDER = { mustAsk: false, askedUpTo: null, lost: [], unprovenAfter: '', traceless: [] }

export async function readJournalDocument(unit: Unit): Promise<JournalDocument> {
  return { ...OLDER, ...(await unit.meta('journal', EMPTY)) }
}

/**
 * Keeps an answered operation as it was sent: should the server be restored to a time before it
 * answered, it is sent again. What was never under way (no seq) has nothing to repeat.
 */
export async function keepAnswered(
  unit: Unit,
  operation: PendingOperation,
  answer: JournalAnswer,
  answeredAtMs: number,
): Promise<void> {
  const { seq } = operation
  if (seq === null) return
  const { incarnation, life } = await readIdentity(unit)
  const document = await readJournalDocument(unit)
  const { bytes, lastKey, unprovenAfter, traceless, scopes } = document
  const key = journalKey(life, seq)
  const before = journalKey(life, seq - 1)
  const kept: PendingOperation = { ...operation, hole: null, firstAnswer: null }
  const isTold = scopes === undefined || isWithin({ operation, answer }, scopes)
  unit.put('journal', key, { operation: kept, incarnation, life, answer, answeredAtMs })
  unit.putMeta('journal', {
    ...document,
    bytes: bytes + operation.sizeBytes,
    lastKey: lastKey !== null && lastKey > key ? lastKey : key,
    unprovenAfter: unprovenAfter !== null && unprovenAfter < before ? unprovenAfter : before,
    traceless: isTraced(answer) && isTold ? traceless : [...traceless, key],
  })
}

/**
 * The server may be another than the one that answered: everything in the journal is asked for, before anything new goes
 * there. Nothing is inferred from one operation about another: a copy of this device may have sent any of them again.
 */
export async function doubt(unit: Unit): Promise<void> {
  const document = await readJournalDocument(unit)
  unit.putMeta('journal', { ...document, mustAsk: true, askedUpTo: null, unprovenAfter: '' })
}

/** Entries of a life from a seq on, in the order in which they were sent. */
export async function readJournal(
  unit: Unit,
  life: number,
  fromSeq: number,
): Promise<readonly JournalEntry[]> {
  const entries = await unit.scan('journal', {
    prefix: `${numberKey(life)}/`,
    after: journalKey(life, fromSeq - 1),
  })
  return entries.map((entry) => entry.value)
}

/** What changed nothing has nothing to lose. */
function isTraced({ kind, code }: JournalAnswer): boolean {
  return kind === 'accepted' && code !== 'superseded'
}

/** Whether a token tells of everything that an answered operation was about: of scopes without a grant it tells nothing. */
export function isWithin(
  { operation, answer }: Pick<JournalEntry, 'operation' | 'answer'>,
  granted: readonly string[],
): boolean {
  const { scope, madeIn, fromScope } = operation
  return [scope, madeIn, fromScope, answer.scope].every((each) => each == null || granted.includes(each))
}

/** Takes entries out, because they are in the queue again, and notes which is the last one left. */
export async function takeOut(unit: Unit, entries: readonly JournalEntry[]): Promise<void> {
  const document = await readJournalDocument(unit)
  const keys = new Set(entries.map(keyOfEntry))
  for (const key of keys) unit.delete('journal', key)
  const bytes = entries.reduce((sum, { operation }) => sum - operation.sizeBytes, document.bytes)
  let { lastKey } = document
  if (lastKey !== null && keys.has(lastKey)) {
    const left = (await unit.scan('journal', {})).filter((entry) => !keys.has(entry.key))
    lastKey = left.at(-1)?.key ?? null
  }
  const isLeft = (key: string) => !keys.has(key)
  const [lost, traceless] = [document.lost.filter(isLeft), document.traceless.filter(isLeft)]
  unit.putMeta('journal', { ...document, bytes, lastKey, lost, traceless })
}

/**
 * Forgets what is older than the offline window, and then the oldest until the rest is within
 * bounds. By the server's clock: the device's own may jump, and would take the journal with it.
 * @param isCovered everything answered lies under the feed token this device holds. Until it does,
 *   only this journal can tell that the server lost it, so it is not given up for its size.
 */
export async function pruneJournal(
  kernel: Kernel,
  unit: Unit,
  serverNowMs: number,
  isCovered: boolean,
): Promise<void> {
  const { maxAgeMs, maxBytes } = kernel.policy.journal
  let { bytes, lastKey, ...rest } = await readJournalDocument(unit)
  let after: string | undefined
  for (;;) {
    const page = await unit.scan('journal', { limit: PRUNE_PAGE, ...(after === undefined ? {} : { after }) })
    for (const { key, value } of page) {
      const isOld = value.answeredAtMs < serverNowMs - maxAgeMs
      if (!isOld && !(isCovered && bytes > maxBytes)) return
      unit.delete('journal', key)
      bytes -= value.operation.sizeBytes
      lastKey = lastKey === key ? null : lastKey
      const traceless = rest.traceless.filter((each) => each > key)
      unit.putMeta('journal', { ...rest, bytes, lastKey, traceless })
    }
    after = page.at(-1)?.key
    if (after === undefined || page.length < PRUNE_PAGE) return
  }
}

export const keyOfEntry = ({ life, operation }: JournalEntry): string => journalKey(life, operation.seq ?? 0)

function journalKey(life: number, seq: number): string {
  return `${numberKey(life)}/${numberKey(seq)}`
}
