import { applyAnswers, type Answer } from './answers.ts'
import { SyncFailure } from './failure.ts'
import { noteScopes, takeConfirmation } from './confirm.ts'
import { startNewLife } from './fork.ts'
import { readIdentity } from './identity.ts'
import { isIntact } from './integrity.ts'
import { doubt, pruneJournal, readJournalDocument } from './journal.ts'
import { transact, type Kernel } from './kernel.ts'
import type { Prepared } from './prepare.ts'
import type { ReadServerChange, ReadSyncReply } from './replies.ts'
import { handBackSeen } from './review.ts'
import type { RoundResult } from './round-result.ts'
import { clearGraves, readRow } from './rows.ts'
import { applyServerChange, leaveUngranted } from './server-changes.ts'
import { beginSnapshot } from './snapshot.ts'
import { openStamps, type Stamps } from './stamps.ts'
import { recordKey, type DeadLetter, type RecordKey } from './stored.ts'
import type { Unit } from './unit.ts'

type Taken = Omit<RoundResult, 'hasMore' | 'digest' | 'pauseMs'> & {
  /** The token covers everything that was answered, and the server has nothing more. */
  readonly isCovering: boolean
  /** A full sync begins. */
  readonly begins: boolean
  /** Operations that go again, because the server lost them. */
  readonly lost: number
}

/**
 * Takes the server's reply in as one atomic step: its answers, its page of the feed, and its token.
 * @throws SyncFailure `corrupt_reply` where an answer was damaged: nothing of the reply is taken
 */
export async function takeReply(kernel: Kernel, prepared: Prepared, reply: ReadSyncReply): Promise<Taken> {
  kernel.lamport.receive(reply.lamport ?? 0)
  const fits = (row: Parameters<typeof isIntact>[0]) => isIntact(row, kernel.sha256Hex)
  if (!reply.accepted.every((answer) => answer.data === null || fits(answer))) {
    throw new SyncFailure('corrupt_reply', 'an answer does not match its checksum')
  }
  const checksums = new Map(reply.accepted.map(({ op_id, checksum }) => [op_id, checksum]))
  if (!reply.restated.every(({ op_id, data }) => fits({ data, checksum: checksums.get(op_id) }))) {
    throw new SyncFailure('corrupt_reply', 'a state that was taken does not match its checksum')
  }
  const isPageIntact = reply.server_changes.every(fits)
  const isCovering = isPageIntact && !reply.has_more && reply.resync === null
  const { summary, begins, lost } = await transact(kernel, async (unit) => {
    const { deviceId } = await readIdentity(unit)
    const stamps = await openStamps(unit, kernel.clock, deviceId)
    if (reply.scopes) await noteScopes(unit, reply.scopes)
    const before = await readJournalDocument(unit)
    const answers = await applyAnswers(kernel, unit, stamps, prepared.batch, reply)
    await markReported(unit, prepared.deadLetters)
    await pruneJournal(kernel, unit, Date.parse(reply.server_time), isCovering && !before.mustAsk)
    const begins = reply.resync !== null && (await beginSnapshot(unit, reply.resync.reason))
    // With one that was given before, nobody can say what came first.
    const isShown = reply.repeated === 0 && answers.answers.some((each) => showsInFeed(each, reply))
    const { question } = prepared
    const lost = await takeConfirmation(kernel, unit, before, { question, reply, isCovering, isShown })
    if (begins) await doubt(unit)
    if (!reply.resync && isPageIntact) answers.touched.push(...(await takePage(kernel, unit, stamps, reply)))
    if (isCovering) await clearGraves(unit)
    stamps.save()
    return { summary: answers, begins, lost }
  })
  if (isCovering && reply.scopes) summary.touched.push(...(await leaveUngranted(kernel, reply.scopes)))
  // A twin had an operation refused for now under this incarnation, and will not repair it under it.
  if (summary.strays > 0 && prepared.deadLetters.length === 0) {
    await transact(kernel, async (unit) => {
      await startNewLife(kernel, unit)
      await doubt(unit)
    })
  }
  return {
    ...summary,
    ...{ isCovering, begins, lost },
    pulled: reply.resync || !isPageIntact ? 0 : reply.server_changes.length,
    failure: shortcoming(isPageIntact, summary.unanswered),
  }
}

/** Whether a write of now answers it, which a token from now on covers. */
function showsInFeed({ opId, outcome }: Answer, { covered }: ReadSyncReply): boolean {
  return (outcome === 'applied' || outcome === 'merged') && !covered.includes(opId)
}

async function takePage(
  kernel: Kernel,
  unit: Unit,
  stamps: Stamps,
  reply: ReadSyncReply,
): Promise<RecordKey[]> {
  const nowMs = kernel.clock.nowMs()
  const touched: RecordKey[] = []
  const seen = new Set<string>()
  const scopes = new Set<string>()
  const aside = new Set((await unit.scan('review', {})).map(({ value }) => nameOf(value)))
  const arrived = new Set<string>()
  for (const change of reply.server_changes) {
    const { scope, table, record_id: id } = change
    const isHere = change.operation !== 'LEAVE'
    if (isHere) scopes.add(scope)
    const isAwaited = change.operation === 'UPSERT' && aside.has(nameOf({ table, id }))
    if (isAwaited && !(await readRow(unit, { scope, table, id }))?.server?.data)
      arrived.add(nameOf({ table, id }))
    seen[isHere ? 'add' : 'delete'](recordKey(0, { scope, table, id }))
    touched.push(
      await applyServerChange(kernel, unit, stamps, change, {
        toScope: goesTo(change, reply),
        openConflicts: reply.open_conflicts,
      }),
    )
  }
  await handBackSeen(kernel, unit, {
    hasRecord: (item) => seen.has(recordKey(0, item)),
    hasArrival: (item) => arrived.has(nameOf(item)),
    hasScope: (scope) => scopes.has(scope),
    isGranted: (scope) => reply.scopes?.includes(scope) ?? scopes.has(scope),
  })
  unit.putMeta('feed', { token: reply.sync_token, epoch: reply.epoch, lastSyncAtMs: nowMs })
  return touched
}

/** A record, in whatever scope. */
const nameOf = ({ table, id }: Pick<RecordKey, 'table' | 'id'>) => `${id} ${table}`

/** Where a record that leaves a scope arrives in another: both are of one commit, which no page divides. */
function goesTo(left: ReadServerChange, { server_changes: changes }: ReadSyncReply): string | null {
  if (left.operation !== 'LEAVE') return null
  const there = changes.find(
    (change) =>
      change.operation === 'UPSERT' &&
      change.scope !== left.scope &&
      change.table === left.table &&
      change.record_id === left.record_id &&
      change.version >= left.version,
  )
  return there?.scope ?? null
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
