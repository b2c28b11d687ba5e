import type { Kernel } from './kernel.ts'
import { numberKey, type JournalAnswer, type JournalEntry, type PendingOperation } from './stored.ts'
import { readIdentity } from './identity.ts'
import type { MetaDocuments } from './stored.ts'
import type { Unit } from './unit.ts'

/** Entries looked at in one go while pruning. */
const PRUNE_PAGE = 100

const EMPTY: MetaDocuments['journal'] = { bytes: 0, lastKey: null, mustProbe: false, resending: 0 }

export async function readJournalDocument(unit: Unit): Promise<MetaDocuments['journal']> {
  return unit.meta('journal', EMPTY)
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
  const key = journalKey(life, seq)
  const kept: PendingOperation = { ...operation, hole: null, firstAnswer: null }
  const wasRepaired = operation.hole !== null || operation.firstAnswer !== null
  const { repaired = [] } = document
  unit.put('journal', key, { operation: kept, incarnation, life, answer, answeredAtMs, wasRepaired })
  unit.putMeta('journal', {
    ...document,
    bytes: document.bytes + operation.sizeBytes,
    lastKey: document.lastKey !== null && document.lastKey > key ? document.lastKey : key,
    repaired: wasRepaired ? [...repaired.filter((each) => each !== key), key] : repaired,
  })
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

export async function readWholeJournal(unit: Unit): Promise<readonly JournalEntry[]> {
  return (await unit.scan('journal', {})).map((entry) => entry.value)
}

/** The operation that was sent last of those that were answered; null with an empty journal. */
export async function newestEntry(unit: Unit): Promise<JournalEntry | null> {
  const { lastKey } = await readJournalDocument(unit)
  return lastKey === null ? null : ((await unit.get('journal', lastKey)) ?? null)
}

/**
 * Where the last answer left nothing in the feed (a refusal, a conflict, an edit that lost), no token shows that a server
 * was restored to a time before it: what is then gone are the dead letter, the conflict, the values that were kept. So it is
 * asked for, once in each run, until there is a later answer; a new operation finds out by its seq, but of one that was
 * repaired before, not even that tells.
 */
export async function doubtTraceless(unit: Unit): Promise<void> {
  const newest = await newestEntry(unit)
  const { repaired = [] } = await readJournalDocument(unit)
  if (newest === null || (repaired.length === 0 && isTraced(newest.answer))) return
  if (repaired.length === 0 && (await unit.scan('outbox', { limit: 1 })).length > 0) return
  await doubt(unit)
}

/**
 * The server has to be asked, from the first, whether it still knows what no token shows.
 * @param key what was the newest when the doubt arose: what was answered since may stand on a twin's
 */
export async function doubt(unit: Unit, key: string | null = null): Promise<void> {
  const document = await readJournalDocument(unit)
  const { doubted = [] } = document
  unit.putMeta('journal', {
    ...{ ...document, mustProbe: true, askedUpTo: null },
    doubted: key === null || doubted.includes(key) ? doubted : [...doubted, key],
  })
}

/** The server did not know an entry, and took it as new: what came before it may be lost as well, and its place a twin's. */
export async function doubtBefore(unit: Unit, { life, operation }: JournalEntry): Promise<void> {
  const entries = await unit.scan('journal', {})
  const before = entries.findLast(({ key }) => key < journalKey(life, operation.seq ?? 0))
  if (before) await doubt(unit, before.key)
}

/**
 * What to ask for next, in the order of the seqs, as much as goes into one request: of one life, and at last the newest.
 * What was repaired in an earlier life is asked for as well: the newest may have begun after the server was restored.
 */
export async function nextInDoubt(unit: Unit): Promise<readonly JournalEntry[]> {
  const document = await readJournalDocument(unit)
  const { mustProbe, resending, lastKey, askedUpTo, repaired = [], doubted = [] } = document
  if (!mustProbe || resending > 0 || lastKey === null) return []
  const keys = new Set([...doubted, ...repaired, lastKey])
  const { limits } = await readIdentity(unit)
  const asked: JournalEntry[] = []
  let bytes = 0
  for (const key of [...keys].toSorted()) {
    const entry = key > (askedUpTo ?? '') ? await unit.get('journal', key) : undefined
    if (!entry) continue
    bytes += entry.operation.sizeBytes
    const isFull = asked.length >= limits.chunkChanges || bytes > limits.chunkBytes
    if (asked[0] && (isFull || entry.life !== asked[0].life)) break
    asked.push(entry)
  }
  return asked
}

/** The server knows these. @param entries none for all there is to ask */
export async function undoubted(unit: Unit, entries: readonly JournalEntry[]): Promise<void> {
  const document = await readJournalDocument(unit)
  const last = entries.at(-1)
  const askedUpTo = last ? journalKey(last.life, last.operation.seq ?? 0) : null
  const isOver = askedUpTo === null || askedUpTo === document.lastKey
  unit.putMeta('journal', {
    ...{ ...document, mustProbe: !isOver },
    ...(isOver ? { askedUpTo: null, doubted: [] } : { askedUpTo }),
  })
}

/**
 * A token covers everything that was answered. So a restored server would be found out by it, if what it lost shows in the
 * feed, or came before something of this device that does; unless there is a doubt of before.
 * @param before operations that an answer in the feed came after
 */
export async function covered(unit: Unit, before: readonly string[]): Promise<void> {
  const document = await readJournalDocument(unit)
  const { repaired = [], mustProbe } = document
  if (mustProbe || repaired.length === 0) return
  const left: string[] = []
  for (const key of repaired) {
    const entry = before.includes(key) ? undefined : await unit.get('journal', key)
    if (entry && !isTraced(entry.answer)) left.push(key)
  }
  unit.putMeta('journal', { ...document, repaired: left })
}

/** What changed nothing has nothing to lose. */
function isTraced({ kind, code }: JournalAnswer): boolean {
  return kind === 'accepted' && code !== 'superseded'
}

/** Takes entries out, because they are in the queue again, and notes which is the last one left. */
export async function takeOut(unit: Unit, entries: readonly JournalEntry[]): Promise<void> {
  const document = await readJournalDocument(unit)
  const keys = new Set(entries.map(({ life, operation }) => journalKey(life, operation.seq ?? 0)))
  for (const key of keys) unit.delete('journal', key)
  const bytes = entries.reduce((sum, { operation }) => sum - operation.sizeBytes, document.bytes)
  let { lastKey } = document
  if (lastKey !== null && keys.has(lastKey)) {
    const left = (await unit.scan('journal', {})).filter((entry) => !keys.has(entry.key))
    lastKey = left.at(-1)?.key ?? null
  }
  const repaired = document.repaired?.filter((key) => !keys.has(key)) ?? []
  unit.putMeta('journal', { ...document, bytes, lastKey, repaired })
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
      const repaired = rest.repaired?.filter((each) => each > key) ?? []
      unit.putMeta('journal', { ...rest, bytes, lastKey, repaired })
    }
    after = page.at(-1)?.key
    if (after === undefined || page.length < PRUNE_PAGE) return
  }
}

/** Whether two answers to one operation say the same. */
export function isSameAnswer(a: JournalAnswer, b: JournalAnswer): boolean {
  const isSameRef = a.ref === undefined || b.ref === undefined || a.ref === b.ref
  return a.kind === b.kind && a.code === b.code && a.version === b.version && isSameRef
}

function journalKey(life: number, seq: number): string {
  return `${numberKey(life)}/${numberKey(seq)}`
}
