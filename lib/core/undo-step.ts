import type { Current, Decision, DecisionContext } from './decide.ts'
import { fieldChanges } from './field-diff.ts'
import { fieldRule } from './field-rules.ts'
import { jsonEqual, type JsonObject } from './json.ts'
import { mergeRecords, type LostValue } from './merge.ts'
import type { TablePolicy } from './policy.ts'

/**
 * How the write of a saga's step is undone: as a new state of its record.
 *
 * Where the record is as the step left it, the state before returns. Where others wrote since, the inverse of the step is
 * merged with what they made, place by place; a place that both touched is nobody's to decide but a person's, whatever
 * the table's strategy says: its rules are for two wishes, and this is the taking back of one.
 * @param step the record before and after the step; null where it was not there. `after` is undefined where it can no
 *   longer be read
 */
export function undoStep<Code extends string>(
  step: { before: JsonObject | null; after: JsonObject | null | undefined },
  current: Current | undefined,
  policy: TablePolicy,
  { validate }: DecisionContext<Code>,
): Decision<Code> {
  const { before, after } = step
  if (current === undefined) {
    return before === null
      ? { kind: 'no_change' }
      : { kind: 'write', outcome: 'applied', data: before, lost: [] }
  }
  const { data } = current
  if (jsonEqual(data, before)) return { kind: 'no_change' }
  if (after === undefined) return clash(current, before)
  if (jsonEqual(data, after)) return checked(before, 'applied')
  // Who deleted the record took the step's part away with it.
  if (data === null) return { kind: 'no_change' }
  if (before === null || after === null) return clash(current, before)

  const { data: merged, clashes } = mergeRecords({
    base: after,
    client: { data: before, hlc: current.hlc, deviceId: null },
    server: { ...current, data },
    ruleFor: (path) => ({ ...fieldRule(policy, path), tiebreak: 'manual' }),
  })
  if (clashes.length > 0) return { kind: 'conflict', code: 'manual', fields: clashes }
  return jsonEqual(merged, data) ? { kind: 'no_change' } : checked(merged, 'merged')

  function checked(next: JsonObject | null, outcome: 'applied' | 'merged'): Decision<Code> {
    if (next !== null && validate(next, data)) return clash(current!, next)
    return { kind: 'write', outcome, data: next, lost: takenBack(current!, next) }
  }
}

function clash({ data }: Current, wanted: JsonObject | null): Decision<never> {
  const fields = data === null || wanted === null ? [] : fieldChanges(data, wanted).map(({ path }) => path)
  return { kind: 'conflict', code: 'manual', fields }
}

/** What the undoing takes out of the record, place by place. */
function takenBack({ data, hlc }: Current, next: JsonObject | null): LostValue[] {
  return fieldChanges(data ?? undefined, next ?? undefined).flatMap(({ path, before }) =>
    before === undefined ? [] : [{ path, value: before, from: 'client' as const, hlc }],
  )
}
