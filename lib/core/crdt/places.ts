import { compareHlc } from '../hlc.ts'
import { isJsonObject, jsonEqual, jsonPointer, type Json, type JsonObject } from '../json.ts'
import { formatPath, isBlocked, parsePath, valueAt, withValueAt, type Join, type Path } from '../merge.ts'
import { strategyAt, usesStrategy, type TablePolicy } from '../policy.ts'
import { crdtFault, crdtOverreach, isContestedCrdt, isCrdt, mergeCrdt } from './types.ts'
import type { CrdtFault } from './type.ts'

/** A CRDT's state and where in a record it is. */
type Place = { path: Path; state: JsonObject }

/** What is wrong with the CRDTs of an edit; pointers lead into the change. */
export type CrdtRefusal = {
  /** No state of its type, or a state that such an edit cannot reach. */
  code: 'schema_mismatch' | 'invalid_change'
  detail: string
  errors: { pointer: string; detail: string }[]
}

/**
 * Every state in a record that merges by its type under a policy. Elsewhere `$crdt` is a name like any other; and a
 * list is a value, so there are none in lists.
 */
export function crdtPlaces(policy: TablePolicy, data: JsonObject | null | undefined): Place[] {
  if (!data || !usesStrategy(policy, 'crdt')) return []
  return statesIn(data).filter(({ path }) => strategyAt(policy, formatPath(path)) === 'crdt')
}

/** Every state in a record, whatever its table makes of it. */
function statesIn(value: Json, path: Path = []): Place[] {
  if (isCrdt(value)) return [{ path, state: value }]
  if (!isJsonObject(value)) return []
  return Object.entries(value).flatMap(([name, inner]) =>
    isJsonObject(inner) ? statesIn(inner, [...path, name]) : [],
  )
}

/**
 * Why the CRDTs of an edit may not be taken: one is malformed, or the edit takes back what it was made on, or speaks for
 * other devices. Checked before anything is decided, so on a fast-forward and a CREATE too.
 * @param base what was edited; undefined where it cannot be read any more
 * @param current the record as it is; null where it is deleted or never was
 */
export function crdtRefusal(
  policy: TablePolicy,
  edit: { data: JsonObject; deviceId: string | null },
  base: JsonObject | null | undefined,
  current: JsonObject | null,
): CrdtRefusal | null {
  if (!usesStrategy(policy, 'crdt')) return null
  const untyped = typeRefusal(policy, edit.data)
  if (untyped) return untyped
  for (const { path, state } of crdtPlaces(policy, edit.data)) {
    const [before, known] = [stateAt(base, path, state), stateAt(current ?? base, path, state)]
    if (jsonEqual(state, known) && jsonEqual(state, before)) continue
    const fault = crdtFault(state)
    if (fault) return refusal('schema_mismatch', path, fault)
    const overreach = crdtOverreach({ before, after: state, known, deviceId: edit.deviceId })
    if (overreach) return refusal('invalid_change', path, overreach)
  }
  for (const { path, state } of crdtPlaces(policy, base)) {
    const after = valueAt(edit.data, path)
    if (!isCrdt(after) || after['$crdt'] !== state['$crdt']) {
      const detail = 'takes the CRDT out of the record: it goes with the record alone'
      return refusal('invalid_change', path, { pointer: '', detail })
    }
  }
  return null
}

/** The first CRDT whose stamp is past a limit: its clock would win for ever. */
export function crdtAhead(policy: TablePolicy, data: JsonObject | null, limit: string): string | null {
  const ahead = crdtPlaces(policy, data).find(({ state }) => {
    const { $crdt, hlc } = state
    return $crdt === 'lww-register' && typeof hlc === 'string' && compareHlc(hlc, limit) > 0
  })
  return ahead ? jsonPointer(['data', ...ahead.path, 'hlc']) : null
}

/**
 * Counters in which an edit counted under its device's own id, and so did somebody else since it was made: a copy of the
 * device, or the device itself after a refusal. One number stands for what both added, and the join may hold less.
 */
export function contestedCounts(
  policy: TablePolicy,
  { data, deviceId }: { data: JsonObject | null; deviceId: string | null },
  base: JsonObject | null | undefined,
  current: JsonObject | null,
): Place[] {
  if (deviceId === null || base === undefined || current === null) return []
  return crdtPlaces(policy, data).filter(({ path, state }) => {
    const [before, known] = [stateAt(base, path, state), stateAt(current, path, state)]
    return isContestedCrdt({ before, after: state, known, deviceId })
  })
}

/** Whether two records say the same: their CRDTs may be written differently and mean the same state. */
export function sameRecord(policy: TablePolicy, a: JsonObject | null, b: JsonObject | null): boolean {
  if (jsonEqual(a, b)) return true
  const [ours, theirs] = [crdtPlaces(policy, a), crdtPlaces(policy, b)]
  if (a === null || b === null || ours.length === 0) return false
  const without = (data: JsonObject, places: Place[]) =>
    places.reduce((rest, { path }) => withValueAt(rest, path, null), data)
  return (
    jsonEqual(without(a, ours), without(b, theirs)) &&
    ours.every(({ path, state }) => {
      const other = valueAt(b, path)
      return isCrdt(other) && sameState(state, other)
    })
  )
}

/** The record with the CRDTs of another joined into its own: what they hold is not taken back by anybody's choice. */
export function joinPlaces(policy: TablePolicy, data: JsonObject, other: JsonObject | null): JsonObject {
  return joinInto(data, crdtPlaces(policy, other))
}

/** The same for a device, which does not know the policies of fields: there a state's own `$crdt` says what it is. */
export function joinCrdts(data: JsonObject, other: JsonObject | null): JsonObject {
  return other ? joinInto(data, statesIn(other)) : data
}

/**
 * The record that came of a merge with the CRDTs of the edit whole. What the edit was made on may never have come into
 * the record: an operation that was refused. What the record holds already stays as it is written.
 */
export function growBy(policy: TablePolicy, merged: JsonObject, edit: JsonObject): JsonObject {
  return crdtPlaces(policy, edit).reduce((grown, { path, state }) => {
    const theirs = valueAt(grown, path)
    if (jsonEqual(theirs, state)) return grown
    return put(grown, path, joinStates(path, { base: undefined, ours: state, theirs }))
  }, merged)
}

function joinInto(data: JsonObject, places: readonly Place[]): JsonObject {
  return places.reduce((joined, { path, state }) => {
    const ours = valueAt(joined, path)
    return put(joined, path, joinStates(path, { base: undefined, ours, theirs: state }))
  }, data)
}

/** The record with what a join came to at a place; as it is where nothing can be joined there. */
function put(data: JsonObject, path: Path, both: ReturnType<Join>): JsonObject {
  const fits = both !== null && both !== 'clash' && !isBlocked(data, path)
  return fits ? withValueAt(data, path, both.value) : data
}

/** Joins two states of one type; what both hold already stays as it is written. */
export const joinStates: Join = (_, { ours, theirs }) => {
  if (isCrdt(ours) && theirs === undefined) return { value: ours }
  if (isCrdt(theirs) && ours === undefined) return { value: theirs }
  if (!isCrdt(ours) || !isCrdt(theirs)) return isCrdt(ours) || isCrdt(theirs) ? 'clash' : null
  if (ours['$crdt'] !== theirs['$crdt'] || crdtFault(ours) || crdtFault(theirs)) return 'clash'
  const merged = isIncluded(ours, theirs) ? theirs : mergeCrdt(ours, theirs)
  return merged ? { value: merged } : 'clash'
}

/** Fields that the policy gives a type, and lists that hold what only a field can. */
function typeRefusal(policy: TablePolicy, data: JsonObject): CrdtRefusal | null {
  for (const [text, { strategy, type }] of Object.entries(policy.fields)) {
    const path = parsePath(text)
    const value = valueAt(data, path)
    if (strategy !== 'crdt' || type === undefined || value === undefined) continue
    if (!isCrdt(value) || value['$crdt'] !== type) {
      return refusal('schema_mismatch', path, {
        pointer: '',
        detail: `must be a ${type}: {"$crdt":"${type}", …}`,
      })
    }
  }
  const inList = policy.strategy === 'crdt' ? crdtInList(data, []) : null
  const detail = 'is a CRDT in a list, where nothing can merge: give it a field of its own'
  return inList && refusal('schema_mismatch', inList, { pointer: '', detail })
}

function crdtInList(value: Json, path: Path, isInList = false): Path | null {
  if (typeof value !== 'object' || value === null) return null
  if (isCrdt(value)) return isInList ? path : null
  for (const [name, inner] of Object.entries(value)) {
    const found = crdtInList(inner, [...path, name], isInList || Array.isArray(value))
    if (found) return found
  }
  return null
}

/** A well-formed state of the same type at a place; what an older policy let in there says nothing. */
function stateAt(data: JsonObject | null | undefined, path: Path, like: JsonObject): JsonObject | undefined {
  const value = valueAt(data ?? undefined, path)
  if (!isCrdt(value) || value['$crdt'] !== like['$crdt']) return undefined
  return jsonEqual(value, like) || crdtFault(value) === null ? value : undefined
}

function sameState(a: JsonObject, b: JsonObject): boolean {
  if (jsonEqual(a, b)) return true
  if (a['$crdt'] !== b['$crdt'] || crdtFault(a) || crdtFault(b)) return false
  return isIncluded(a, b) && isIncluded(b, a)
}

/** Whether a state is in another: coming from the one to the other takes nothing back. */
function isIncluded(part: JsonObject, whole: JsonObject): boolean {
  return crdtOverreach({ before: part, after: whole, known: undefined, deviceId: null }) === null
}

function refusal(code: CrdtRefusal['code'], path: Path, fault: CrdtFault): CrdtRefusal {
  const pointer = jsonPointer(['data', ...path]) + fault.pointer
  return { code, detail: `${pointer} ${fault.detail}.`, errors: [{ pointer, detail: fault.detail }] }
}
