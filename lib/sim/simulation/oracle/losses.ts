import { jsonEqual, type Json } from '#lib/core/json.ts'
import type { Change } from '#lib/protocol/sync.ts'
import { recordKey, type ChangeRow } from '../../model/tables.ts'
import { withoutMerging } from '../field-tables.ts'
import { formerFields, machines, unknownTo } from '../machines.ts'
import { wasMadeOn } from './clashes.ts'
import { covers, leaves, same } from './leaves.ts'
import type { Ledger } from './ledger.ts'
import { replayedWithin } from './replayed.ts'
import type { Told } from './told.ts'

/** What is known of the log, and of what was sent. */
type Known = {
  histories: ReadonlyMap<string, readonly Told[]>
  stamps: ReadonlyMap<string, ReadonlySet<string>>
  sent: ReadonlyMap<string, Change>
  ambiguous: ReadonlySet<string>
}

/**
 * What a write threw away, field by field: what the device wanted and did not get, and what others had written and is
 * there no more. All of it must stand in `lost`. Computed from what was sent and from the log alone.
 */
export function checkLosses(
  ledger: Ledger,
  log: Known,
  { change, sent, before }: { change: ChangeRow; sent: Change; before: Told | undefined },
): void {
  checkOrder(ledger, log, { change, sent, before })
  // Brought up from an older schema, what is written is not what was sent.
  if (change.table === machines) checkUnknown(ledger, { change, before })
  if (change.table === 'assets' || change.table === machines) return
  // With a chain the base is what an earlier operation pushed: the merge's own tests tell what is right there.
  if (change.effect !== 'UPSERT' || sent.base_op_id || !sent.data || !change.data) return
  const key = recordKey(change.scope, change.table, change.record_id)
  const isConcurrent = before !== undefined && before.after_version !== sent.base_version
  if (!isConcurrent || change.outcome === 'applied') {
    const asSent = jsonEqual(change.data, sent.data) || change.outcome !== 'applied'
    ledger.check(
      'NoSilentLoss',
      asSent,
      () => `${change.op_id} was applied, but not as it was sent: ${JSON.stringify([change, sent])}`,
    )
    if (!isConcurrent) return
  }
  const base =
    replayedWithin(ledger, log.sent, change) ??
    log.histories.get(key)?.find(({ after_version }) => after_version === sent.base_version)
  if (!base?.data || !before.data) return
  const [was, wanted, is, had] = [base.data, sent.data, change.data, before.data].map((data) =>
    leaves(withoutMerging(change.table, data)),
  ) as [Leaves, Leaves, Leaves, Leaves]
  for (const path of new Set([...was.keys(), ...wanted.keys(), ...had.keys()])) {
    if (same(wanted.get(path), had.get(path))) continue
    for (const [edit, from] of [
      [wanted, 'client'],
      [had, 'server'],
    ] as const) {
      const isLost = !same(edit.get(path), was.get(path)) && !same(edit.get(path), is.get(path))
      const isKept = (change.lost ?? []).some((entry) => entry.from === from && covers(entry.path, path))
      ledger.check(
        'NoSilentLoss',
        !isLost || isKept,
        () => `${change.op_id}: ${path} of the ${from} is kept nowhere`,
      )
    }
  }
}

/** What an app does not know, it has not removed. */
function checkUnknown(
  ledger: Ledger,
  { change, before }: { change: ChangeRow; before: Told | undefined },
): void {
  if (change.effect !== 'UPSERT' || !before?.data || !change.data || !change.device_id) return
  for (const field of unknownTo(ledger.scene.appVersion(change.device_id))) {
    const [had, has] = [before.data[field], change.data[field]]
    ledger.check(
      'NoSilentLoss',
      had === undefined || same(had, has),
      () =>
        `${change.op_id}: ${field} was ${JSON.stringify(had)}, and an app that does not know it made it ${JSON.stringify(has)}`,
    )
  }
}

/** Whatever was written by an older app stands in the schema of today: what it calls otherwise no app finds any more. */
export function checkRaised(ledger: Ledger, { table, effect, data, op_id: opId }: ChangeRow): void {
  if (table !== machines || effect !== 'UPSERT') return
  const former = formerFields.find((field) => data?.[field] !== undefined)
  ledger.check(
    'NoSilentLoss',
    former === undefined,
    () => `${opId} wrote ${former}, which no app reads: ${JSON.stringify(data)}`,
  )
}

type Leaves = Map<string, Json>

/** Last write wins by a total order: the stamp, then the device. */
function checkOrder(
  ledger: Ledger,
  log: Known,
  { change, sent, before }: { change: ChangeRow; sent: Change; before: Told | undefined },
): void {
  const device = change.device_id
  if (change.rule['strategy'] !== 'lww' || !before || !device) return
  const isLater = (hlc: string) =>
    hlc > before.hlc || (hlc === before.hlc && device > (before.device_id ?? ''))
  if (change.outcome === 'superseded') {
    ledger.check('MergeAlgebra', !isLater(change.hlc), () => `${change.op_id} lost to an earlier write`)
    return
  }
  const isConcurrent = before.after_version !== sent.base_version && before.device_id !== device
  if (change.effect !== 'UPSERT' || !isConcurrent || !before.data || jsonEqual(before.data, sent.data)) return
  const { base_op_id: named } = sent
  const pushed = named && !log.ambiguous.has(named) ? log.sent.get(named)?.data : undefined
  if (named && wasMadeOn(before, ledger.answer(named), pushed)) return
  const stamps = [...(log.stamps.get(change.op_id) ?? [])]
  ledger.check('MergeAlgebra', stamps.some(isLater), () => `${change.op_id} won over a later write`)
}
