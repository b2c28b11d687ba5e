import type { Answer, Device } from '#lib/client/index.ts'
import { jsonEqual } from '#lib/core/json.ts'
import { registerRecordId, type Merge, type MergedRecord } from '../merges.ts'

/** Two devices that see the same scopes; one stands for each side of a merge. */
export interface Pair {
  readonly ours: Device
  readonly theirs: Device
}

/** What the server made of one record of a merge. */
export interface RecordResult {
  readonly table: string
  readonly id: string
  readonly changed: MergedRecord['changed']
  /** The record ended as the people settled it. */
  readonly isAsSettled: boolean
  /** Somebody's edit that nobody else contradicted is not what the record ended as. */
  readonly isLost: boolean
  /** For a record both edited: what became of the second one's operation. */
  readonly outcome: Answer['outcome'] | null
}

/**
 * Makes a merge happen again in a scope of its own: both devices start from its base; one makes one
 * side's edits, the other the other's, apart; both sync until neither has anything left to send or get.
 * @throws Error when a sync fails for good or the server refuses an operation
 */
export async function replayMerge(
  { ours, theirs }: Pair,
  merge: Merge,
  scope: string,
): Promise<readonly RecordResult[]> {
  const outcomes = new Map<string, Answer['outcome']>()
  for (const record of merge.records) {
    if (record.base) await ours.put({ ...refOf(record, scope), data: record.base })
  }
  await settle(ours)
  await settle(theirs)
  for (const record of merge.records) {
    await edit(ours, record, scope, record.ours)
    await edit(theirs, record, scope, record.theirs)
  }
  const unsubscribe = theirs.subscribe((event) => {
    if (event.kind !== 'answered') return
    for (const answer of event.answers) outcomes.set(answer.id, answer.outcome)
  })
  for (const device of [ours, theirs, ours, theirs]) await settle(device)
  unsubscribe()
  return Promise.all(merge.records.map((record) => examine(record, scope, theirs, outcomes)))
}

/** Makes one side's edit, if it made one. */
async function edit(
  device: Device,
  record: MergedRecord,
  scope: string,
  state: MergedRecord['ours'],
): Promise<void> {
  if (jsonEqual(state, record.base)) return
  const ref = refOf(record, scope)
  if (state) await device.put({ ...ref, data: state })
  else await device.remove(ref)
}

async function settle(device: Device): Promise<void> {
  const report = await device.sync('replay')
  if (report.failure) throw report.failure
  const [refused] = await device.deadLetters()
  if (!refused) return
  const { table, id } = refused.operation
  throw new Error(`the server refused ${table}/${id}: ${refused.code}, ${refused.detail}`)
}

async function examine(
  record: MergedRecord,
  scope: string,
  device: Device,
  outcomes: ReadonlyMap<string, Answer['outcome']>,
): Promise<RecordResult> {
  const ref = refOf(record, scope)
  const shown = await device.get(ref)
  // In conflict the device shows its own version, or nothing where it wanted the record gone.
  const mark = shown || record.changed !== 'both' ? null : await findConflict(device, ref)
  const final = shown?.serverData ?? mark?.serverData ?? null
  const onlyEdit = record.changed === 'ours' ? record.ours : record.theirs
  return {
    table: record.table,
    id: record.id,
    changed: record.changed,
    isAsSettled: jsonEqual(final, record.merged),
    isLost: record.changed !== 'both' && !jsonEqual(final, onlyEdit),
    outcome: record.changed === 'both' ? (outcomes.get(ref.id) ?? null) : null,
  }
}

async function findConflict(device: Device, ref: { table: string; id: string; scope: string }) {
  const conflicts = await device.conflicts()
  return conflicts.find(({ table, id, scope }) => table === ref.table && id === ref.id && scope === ref.scope)
}

function refOf(record: MergedRecord, scope: string) {
  return { table: record.table, id: registerRecordId(record), scope }
}
