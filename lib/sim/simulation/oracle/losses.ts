import { jsonEqual, type JsonObject } from '#lib/core/json.ts'
import type { Change } from '#lib/protocol/sync.ts'
import { recordKey, type ChangeRow } from '../../model/tables.ts'
import { fieldsOf, type LogWatch, type Told } from './log-watch.ts'
import type { Oracle } from './oracle.ts'

/**
 * What a write threw away, field by field: what the device wanted and did not get, and what others had written and is
 * there no more. All of it must stand in `lost`. Computed from what was sent and from the log alone.
 */
export function checkLosses(
  oracle: Oracle,
  log: LogWatch,
  { change, sent, before }: { change: ChangeRow; sent: Change; before: Told | undefined },
): void {
  checkOrder(oracle, { change, sent, before })
  // Brought up from an older schema, what is written is not what was sent.
  if (change.table === 'assets') return
  // With a chain the base is what an earlier operation pushed: the merge's own tests tell what is right there.
  if (change.effect !== 'UPSERT' || sent.base_op_id || !sent.data || !change.data) return
  const key = recordKey(change.scope, change.table, change.record_id)
  const isConcurrent = before !== undefined && before.after_version !== sent.base_version
  if (!isConcurrent || change.outcome === 'applied') {
    const asSent = jsonEqual(change.data, sent.data) || change.outcome !== 'applied'
    oracle.check(
      'NoSilentLoss',
      asSent,
      () => `${change.op_id} was applied, but not as it was sent: ${JSON.stringify([change, sent])}`,
    )
    if (!isConcurrent) return
  }
  const base = log.histories.get(key)?.find(({ after_version }) => after_version === sent.base_version)
  if (!base?.data || !before.data) return
  const [was, wanted, is, had] = [
    fieldsOf(base.data),
    fieldsOf(sent.data),
    fieldsOf(change.data),
    fieldsOf(before.data),
  ]
  for (const field of new Set([...Object.keys(was), ...Object.keys(wanted), ...Object.keys(had)])) {
    const theirs =
      isLost(field, { edit: wanted, base: was, result: is }) &&
      !jsonEqual(wanted[field] ?? null, had[field] ?? null)
    const others =
      isLost(field, { edit: had, base: was, result: is }) &&
      !jsonEqual(wanted[field] ?? null, had[field] ?? null)
    for (const [lost, from] of [
      [theirs, 'client'],
      [others, 'server'],
    ] as const) {
      if (!lost) continue
      const isKept = (change.lost ?? []).some(
        (entry) => entry.from === from && (entry.path === '' || entry.path.split('.')[0] === field),
      )
      oracle.check('NoSilentLoss', isKept, () => `${change.op_id}: ${field} of the ${from} is kept nowhere`)
    }
  }
}

function isLost(
  field: string,
  { edit, base, result }: { edit: JsonObject; base: JsonObject; result: JsonObject },
): boolean {
  const value = edit[field] ?? null
  return !jsonEqual(value, base[field] ?? null) && !jsonEqual(value, result[field] ?? null)
}

/** Last write wins by a total order: the stamp, then the device. */
function checkOrder(
  oracle: Oracle,
  { change, sent, before }: { change: ChangeRow; sent: Change; before: Told | undefined },
): void {
  if (change.rule['strategy'] !== 'lww' || !before || !change.device_id) return
  const isOwnEarlier = before.device_id === change.device_id
  const isLater =
    sent.hlc > before.hlc || (sent.hlc === before.hlc && change.device_id > (before.device_id ?? ''))
  if (change.outcome === 'superseded') {
    oracle.check('MergeAlgebra', !isLater, () => `${change.op_id} lost to an earlier write`)
  } else if (change.effect === 'UPSERT' && before.after_version !== sent.base_version && !isOwnEarlier) {
    const isSame = jsonEqual(before.data, sent.data)
    oracle.check(
      'MergeAlgebra',
      isLater || isSame || !before.data,
      () => `${change.op_id} won over a later write`,
    )
  }
}
