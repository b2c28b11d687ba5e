import type { Answer, Device } from '#lib/client/index.ts'
import { jsonEqual } from '#lib/core/json.ts'
import { registerRecordId, type Merge, type MergedRecord } from '../merges.ts'
import { createNodeDevice } from '../node-device.ts'

export interface ReplayTarget {
  readonly baseUrl: string
  readonly enrollmentKey: string
  /** Keeps the records of one run apart from those of another on the same server. */
  readonly run: string
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
 * Makes a merge happen again: two devices start from its base, apart from each other; one makes one
 * side's edits, the other the other's; both sync until neither has anything left to send or to get.
 * @throws Error when a sync fails for good or the server refuses an operation
 */
export async function replayMerge(target: ReplayTarget, merge: Merge): Promise<readonly RecordResult[]> {
  const scope = `${target.run}-${merge.merge.slice(0, 12)}`
  const [ours, theirs] = [
    await openDevice(target, `${scope} ours`, scope),
    await openDevice(target, `${scope} theirs`, scope),
  ]
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
  theirs.subscribe((event) => {
    if (event.kind !== 'answered') return
    for (const answer of event.answers) outcomes.set(answer.id, answer.outcome)
  })
  for (const device of [ours, theirs, ours, theirs]) await settle(device)

  return Promise.all(merge.records.map((record) => examine(record, scope, theirs, outcomes)))
}

async function openDevice(target: ReplayTarget, name: string, scope: string): Promise<Device> {
  const device = await createNodeDevice({ baseUrl: target.baseUrl })
  await device.enroll({
    enrollmentKey: target.enrollmentKey,
    name,
    platform: 'replay',
    appVersion: '1.0.0',
    scopes: [scope],
  })
  return device
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
  const conflicts = await device.conflicts()
  const conflict = conflicts.find((mark) => mark.table === record.table && mark.id === ref.id)
  // In conflict the device shows its own version; what counts here is what the server has.
  const final = shown?.serverData ?? conflict?.serverData ?? null
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

function refOf(record: MergedRecord, scope: string) {
  return { table: record.table, id: registerRecordId(record), scope }
}
