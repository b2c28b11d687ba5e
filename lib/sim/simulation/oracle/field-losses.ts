import type { JsonObject } from '#lib/core/json.ts'
import type { Change } from '#lib/protocol/sync.ts'
import { recordKey, type ChangeRow } from '../../model/tables.ts'
import { bodyOf } from '../field-tables.ts'
import { crdtFields, disagree, invented, miscounted, missing } from './growth.ts'
import type { Ledger } from './ledger.ts'
import { lostLetter, strayLetters } from './letters.ts'
import type { LogWatch } from './log-watch.ts'
import { replayedWithin } from './replayed.ts'
import { stateBefore } from './state-before.ts'
import { label, type Told } from './told.ts'

type Write = {
  change: ChangeRow
  /** What the device sent; undefined where no device did, or nobody can say what. */
  sent: Change | undefined
  /** The record as the write found it. */
  before: Told | undefined
}

/** What merges by what it is holds all that was in it, and all that the device sent, and nothing besides. */
export function checkFields(ledger: Ledger, log: LogWatch, { change, sent, before }: Write): void {
  if (change.effect !== 'UPSERT' || !change.data) return
  const known = { histories: log.histories, minSeq: (scope: string) => ledger.minSeq(scope) }
  const found = stateBefore(known, { change, sent, before })
  const parts = [found?.data, sent?.data].filter((data) => data != null)
  const name = () => `${label(recordKey(change.scope, change.table, change.record_id))} by ${change.op_id}`
  for (const part of parts) {
    for (const [field, state] of crdtFields(part)) {
      const lost = missing(state, change.data[field])
      ledger.check('NoSilentLoss', lost === null, () => `${name()}: ${field} lost ${lost}`)
      const isTwo = disagree(state, change.data[field])
      ledger.check('MergeAlgebra', !isTwo, () => `${name()}: ${field} has another value of the same stamp`)
    }
  }
  if (sent && found) {
    for (const [field, state] of crdtFields(change.data)) {
      const made = invented(
        state,
        parts.flatMap((part) => part[field] ?? []),
      )
      ledger.check('MergeAlgebra', made === null, () => `${name()}: ${field} has ${made}, which nobody made`)
    }
  }
  checkCounts(ledger, change)
  checkBody(ledger, log, { change, sent, before })
}

/** What an accepted edit that wrote nothing added was there already. */
export function checkUnwritten(ledger: Ledger, { op_id: opId, data }: Change, record: JsonObject): void {
  for (const [field, state] of crdtFields(data)) {
    const lost = missing(state, record[field])
    ledger.check('NoSilentLoss', lost === null, () => `${opId} was accepted, and ${field} lost ${lost}`)
  }
}

/** A plain text under `ot`, where it is known what was edited and who else wrote. */
function checkBody(ledger: Ledger, log: LogWatch, { change, sent, before }: Write): void {
  const field = bodyOf(change.table)
  if (field === null || !sent || !before || before.effect !== 'UPSERT' || ledger.restores > 0) return
  const history = log.histories.get(recordKey(change.scope, change.table, change.record_id)) ?? []
  // What a person put in the place of a text is no edit of it.
  if (history.some(({ actorKind }) => actorKind !== 'device')) return
  // Each scope counts its versions: of an edit that followed its record, they are of where it was made.
  const madeIn = sent.from_scope ?? sent.scope
  const madeOn = log.histories.get(recordKey(madeIn, change.table, change.record_id)) ?? []
  const taken = isOnTop(sent, before) ? undefined : replayedWithin(ledger, log.sent, change)
  const base =
    taken ??
    (sent.base_op_id
      ? log.sent.get(sent.base_op_id)
      : madeOn.find(({ after_version }) => after_version === sent.base_version))
  if (!base || (!taken && sent.base_op_id && log.ambiguous.has(sent.base_op_id))) return
  const textIn = (data: JsonObject | null | undefined): string => {
    const value = data?.[field]
    return typeof value === 'string' ? value : ''
  }
  const texts = {
    ...{ base: textIn(base.data), sent: textIn(sent.data) },
    ...{ before: textIn(before.data), after: textIn(change.data) },
  }
  // A text that the edit took out of the record is a value like any other, and what gave way is kept.
  if ((change.lost ?? []).some(({ path }) => path === '' || path === field)) return
  const told = () => `${change.op_id}: ${field}: ${JSON.stringify(texts)}`
  // With its base compacted away the edit is settled by the tiebreak, and the other text kept whole.
  const isBaseGone = 'feedSeq' in base && base.feedSeq < ledger.minSeq(base.scope)
  if (isBaseGone && change.lost?.some(({ path }) => path === '' || path === field)) return
  const lost = lostLetter(texts)
  ledger.check('NoSilentLoss', lost === null, () => `${told()}: ${lost} is gone, and nobody deleted it`)
  // Two copies of a device may each send what it had written before.
  if ([change, ...history, ...madeOn].some(({ device_id }) => device_id && ledger.scene.isCopied(device_id)))
    return
  // Where a text gave way whole since, its letters are others, also those that the other side has written again.
  const gaveWay = ({ after_version, lost: values }: ChangeRow) =>
    after_version > sent.base_version && (values ?? []).some(({ path }) => path === '' || path === field)
  if (history.some(gaveWay)) return
  const stray = strayLetters(texts)
  ledger.check('MergeAlgebra', stray === null, () => `${told()}: ${stray}`)
}

/** Whether an edit was made on the version that it found. */
function isOnTop({ base_op_id: opId, base_version: version }: Change, before: Told): boolean {
  return opId == null ? before.after_version === version : before.op_id === opId
}

/** A counter shows what was counted, by copies and in edits that come again, too. */
function checkCounts(ledger: Ledger, { scope, table, record_id: id, op_id, data }: ChangeRow): void {
  const fault = data && miscounted(data)
  const name = () => label(recordKey(scope, table, id))
  ledger.check('NoSilentLoss', fault === null, () => `${name()} after ${op_id}: ${fault}`)
}
