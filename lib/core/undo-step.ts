import { inverseCrdt, type Inverter } from './crdt/inverse.ts'
import { crdtPlaces, joinPlaces } from './crdt/places.ts'
import { isCrdt } from './crdt/types.ts'
import type { Current, Decision, DecisionContext } from './decide.ts'
import { fieldChanges } from './field-diff.ts'
import { fieldRule } from './field-rules.ts'
import { jsonEqual, type JsonObject } from './json.ts'
import {
  formatPath,
  mergeRecords,
  valueAt,
  withValueAt,
  type Join,
  type LostValue,
  type Path,
} from './merge.ts'
import type { TablePolicy } from './policy.ts'
import { mergeText } from './text/merge.ts'

/** A step's record before and after it; null where it was not there. */
type Step = { before: JsonObject | null; after: JsonObject | null | undefined; by: Inverter }

/**
 * How the write of a saga's step is undone: as a new state of its record.
 *
 * Where the record is as the step left it, the state before returns. Where others wrote since, the inverse of the step is
 * merged with what they made, place by place; a place that both touched is nobody's to decide but a person's, whatever
 * the table's strategy says: its rules are for two wishes, and this is the taking back of one. The person is proposed the
 * record as it is, without the step. CRDTs only grow, so what the step added to one is taken back by an addition of the
 * opposite.
 * @param step its record before and after; `after` is undefined where it can no longer be read
 */
export function undoStep<Code extends string>(
  step: Step,
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
  // What others made of its CRDTs goes with no choice.
  const restored = before && joinPlaces(policy, before, data)
  if (after === undefined) return clash(current, restored)
  // Who deleted the record took the step's part away with it.
  if (data === null && after !== null) return { kind: 'no_change' }
  if (data === null || before === null || after === null) {
    return jsonEqual(data, after) ? checked(before, 'applied') : clash(current, restored)
  }

  const inverse = invert({ before, after, by: step.by }, { ...current, data }, policy)
  if (inverse.clashes.length > 0) {
    return { kind: 'conflict', code: 'manual', fields: inverse.clashes, proposed: inverse.wanted }
  }
  if (jsonEqual(inverse.data, data)) return { kind: 'no_change' }
  return checked(inverse.data, jsonEqual(data, after) ? 'applied' : 'merged')

  function checked(next: JsonObject | null, outcome: 'applied' | 'merged'): Decision<Code> {
    if (next !== null && validate(next, data)) return clash(current!, next)
    return { kind: 'write', outcome, data: next, lost: takenBack(current!, next) }
  }
}

/**
 * The record without what the step made of it.
 * @returns `data` leaves the places that only a person can settle as they are; `wanted` takes the step back there, too
 */
function invert(
  { before, after, by }: { before: JsonObject; after: JsonObject; by: Inverter },
  current: Current & { data: JsonObject },
  policy: TablePolicy,
): { data: JsonObject; wanted: JsonObject; clashes: string[] } {
  const crdts = crdtPlaces(policy, current.data).filter(({ path }) => isCrdt(valueAt(after, path)))
  // They are taken back by themselves; for the rest of the record they are one and the same on all sides.
  const rest = (data: JsonObject) => crdts.reduce((left, { path }) => withValueAt(left, path, null), data)
  const mergeRest = (tiebreak: 'manual' | 'client') =>
    mergeRecords({
      base: rest(after),
      client: { data: rest(before), hlc: current.hlc, deviceId: null },
      server: { ...current, data: rest(current.data) },
      ruleFor: (path) => ({ ...fieldRule(policy, path, joinTexts), tiebreak }),
    })
  const merged = mergeRest('manual')
  const inverses = crdts.map(({ path, state }) => ({
    ...{ path, state },
    value: inverseCrdt(crdtAt(before, path), crdtAt(after, path)!, state, by),
  }))
  const withCrdts = (data: JsonObject) =>
    inverses.reduce((whole, { path, state, value }) => withValueAt(whole, path, value ?? state), data)
  const clashes = [
    ...merged.clashes,
    ...inverses.flatMap(({ path, value }) => (value === null ? [formatPath(path)] : [])),
  ]
  const data = withCrdts(merged.data)
  const wanted = merged.clashes.length > 0 ? withCrdts(mergeRest('client').data) : data
  return { data, wanted, clashes }
}

function crdtAt(data: JsonObject, path: Path): JsonObject | undefined {
  const value = valueAt(data, path)
  return isCrdt(value) ? value : undefined
}

const joinTexts: Join = (_, { base, ours, theirs }) =>
  typeof base === 'string' && typeof ours === 'string' && typeof theirs === 'string'
    ? { value: mergeText({ base, ours, theirs }, undefined, null).text }
    : null

function clash({ data }: Current, wanted: JsonObject | null): Decision<never> {
  const fields = data === null || wanted === null ? [] : fieldChanges(data, wanted).map(({ path }) => path)
  return { kind: 'conflict', code: 'manual', fields, proposed: wanted }
}

/** What the undoing takes out of the record, place by place. */
function takenBack({ data, hlc }: Current, next: JsonObject | null): LostValue[] {
  return fieldChanges(data ?? undefined, next ?? undefined).flatMap(({ path, before }) =>
    before === undefined ? [] : [{ path, value: before, from: 'client' as const, hlc }],
  )
}
