import { inverseCrdt, type Inverter } from './crdt/inverse.ts'
import { crdtPlaces, joinPlaces } from './crdt/places.ts'
import { isCrdt } from './crdt/types.ts'
import type { JsonObject } from './json.ts'
import { valueAt, withValueAt } from './merge.ts'
import type { TablePolicy } from './policy.ts'

/** What the undoing of a step made of its record: its state before that and after it. */
export type Undoing = { before: JsonObject; after: JsonObject }

/**
 * The state that a step of an undone saga is sent again with. What the step added to CRDTs has been taken back by the
 * opposite; sent as it was, it would be in the record already and change nothing. So the taking back is itself taken back,
 * under a new name, once each time the saga is sent again.
 * @param sent the state as the step has it
 * @param earlier what the step before it on the same record is sent again with
 * @returns null where that cannot be done
 */
export function redoStep(
  sent: JsonObject,
  { before, after }: Undoing,
  earlier: JsonObject | undefined,
  policy: TablePolicy,
  by: Inverter,
): JsonObject | null {
  // Whatever it is made on is in it, so that nothing is taken back by the way.
  const whole = joinPlaces(policy, joinPlaces(policy, sent, after), earlier ?? null)
  let data: JsonObject | null = whole
  for (const { path, state } of crdtPlaces(policy, whole)) {
    const [taken, left] = [valueAt(before, path), valueAt(after, path)]
    if (!isCrdt(taken) || !isCrdt(left)) continue
    const value = inverseCrdt(taken, left, state, by)
    data = data && value && withValueAt(data, path, value)
  }
  return data
}
