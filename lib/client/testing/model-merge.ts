import { decide, type Base, type Decision } from '#lib/core/decide.ts'
import { jsonEqual, type JsonObject } from '#lib/core/json.ts'
import { defaultPolicy } from '#lib/core/policy.ts'
import type { Change, ServerChange } from '#lib/protocol/sync.ts'
import type { Row } from './model-answers.ts'

/** What the model server knows of the past. */
interface Known {
  readonly feed: readonly ServerChange[]
  readonly pushedBy: ReadonlyMap<string, JsonObject | null>
  readonly wasRestored: boolean
}

/** The product's own decision, on what was edited as the feed and the answered operations tell of it. */
export function decideMerge(
  each: Change,
  { deviceId, current }: { deviceId: string; current: Row | undefined },
  known: Known,
): Decision {
  const edit = { operation: each.operation, data: each.data ?? null, hlc: each.hlc, deviceId }
  return decide(
    edit,
    baseOf(each, current, known),
    current && { ...current, deviceId: null },
    defaultPolicy(each.table, 'crdt'),
    { validate: () => null, isHistoryLost: known.wasRestored },
  )
}

function baseOf(each: Change, current: Row | undefined, { feed, pushedBy }: Known): Base {
  const { base_op_id: opId, base_version: version, base_checksum: checksum } = each
  if (opId != null) {
    const data = pushedBy.get(opId)
    const isCurrent = current?.writer === opId && jsonEqual(current.data, data)
    return { data, standsOn: isCurrent ? current.version : null }
  }
  if (version === 0) return { data: null, standsOn: 0 }
  const state = feed.findLast(
    (entry) =>
      entry.table === each.table &&
      entry.record_id === each.record_id &&
      entry.version === version &&
      (checksum === undefined || entry.checksum === checksum),
  )
  return state ? { data: state.data, standsOn: version } : { data: undefined, standsOn: null }
}
