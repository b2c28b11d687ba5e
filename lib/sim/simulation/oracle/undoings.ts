import { isJsonObject, jsonEqual, type JsonObject } from '#lib/core/json.ts'
import type { LostValue } from '#lib/core/merge.ts'
import { covers, leaves, same } from './leaves.ts'

/** A record around the undoing of a step; null where it was not there. */
export type Undoing = {
  /** Before the step, and after it. */
  before: JsonObject | null
  after: JsonObject | null
  /** As the undoing found it, and as it left it. */
  found: JsonObject | null
  left: JsonObject | null
  lost: readonly LostValue[]
}

/**
 * What is wrong with an undoing; null where nothing is. Values that somebody wrote after the step stay; those that are as
 * the step left them go back; what is taken out is kept.
 * @param isPlain whether the value at a path is replaced as a whole, and no CRDT or text that is joined
 */
export function undoingFault(
  { before, after, found, left, lost }: Undoing,
  isPlain: (path: string) => boolean,
): { invariant: 'NoSilentLoss' | 'SagaUndone'; detail: string } | null {
  if (before === null || after === null || found === null || left === null) {
    const isAsLeft = jsonEqual(found, after)
    if (!isAsLeft) return { invariant: 'NoSilentLoss', detail: 'a record that others wrote since was undone' }
    const isBack = jsonEqual(left, before)
    return isBack ? null : { invariant: 'SagaUndone', detail: 'the record is not as before the step' }
  }
  const [was, made, had, is] = [leaves(before), leaves(after), leaves(found), leaves(left)]
  for (const path of new Set([...was.keys(), ...made.keys(), ...had.keys(), ...is.keys()])) {
    if (!isPlain(path)) continue
    const isOthers = !same(had.get(path), made.get(path))
    if (isOthers && !same(is.get(path), had.get(path)))
      return { invariant: 'NoSilentLoss', detail: `${path} was written since, and was undone` }
    if (!isOthers && !same(is.get(path), was.get(path)))
      return { invariant: 'SagaUndone', detail: `${path} is not as before the step` }
    const isTaken = !same(is.get(path), had.get(path)) && had.has(path)
    if (isTaken && !lost.some((entry) => covers(entry.path, path)))
      return { invariant: 'NoSilentLoss', detail: `${path} was undone, and is kept nowhere` }
  }
  return null
}

/** Whether a record holds nothing that the step made of it, so that there was nothing to undo. */
export function holdsNothingOf(
  { before, after, found }: Pick<Undoing, 'before' | 'after' | 'found'>,
  isPlain: (path: string) => boolean,
): boolean {
  if (found === null || after === null || before === null)
    return jsonEqual(before, after) || !jsonEqual(found, after)
  const [was, made, had] = [leaves(before), leaves(after), leaves(found)]
  const changed = [...new Set([...was.keys(), ...made.keys()])].filter(
    (path) => isPlain(path) && !same(was.get(path), made.get(path)),
  )
  return changed.every((path) => !same(had.get(path), made.get(path)))
}

/** Where a table's values are replaced as a whole. */
export function plainPaths(policy: unknown): (path: string) => boolean {
  const grows = (rule: unknown) =>
    isJsonObject(rule) && (rule['strategy'] === 'crdt' || rule['strategy'] === 'ot')
  if (!isJsonObject(policy) || grows(policy)) return () => false
  const fields = isJsonObject(policy['fields']) ? Object.entries(policy['fields']) : []
  const growing = fields.flatMap(([path, rule]) => (grows(rule) ? [path] : []))
  return (path) => !growing.some((each) => covers(each, path))
}
