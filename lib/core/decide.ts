import { fieldRule } from './field-rules.ts'
import { jsonEqual, type Json, type JsonObject } from './json.ts'
import {
  clientIsLater,
  mergeRecords,
  parsePath,
  valueAt,
  withValueAt,
  type LostValue,
  type Merge,
} from './merge.ts'
import type { DeleteRule, TablePolicy } from './policy.ts'

/** The edit of a device or a person: the whole state after it, or null for a delete. */
export type Edit = {
  operation: 'CREATE' | 'UPDATE' | 'DELETE'
  data: JsonObject | null
  hlc: string
  deviceId: string | null
}

/**
 * What was edited: the state it was made on, and the version of the record that this state stands on: the record's
 * version where the edit continues it without a gap, null where it was merged in between.
 * `data` is undefined where that state can no longer be read.
 */
export type Base = { data: JsonObject | null | undefined; standsOn: number | null }

/** The record as it is; `data` is null when deleted. */
export type Current = { version: number; data: JsonObject | null; hlc: string; deviceId: string | null }

/** Why a change can never, or not yet, be taken. */
export type Refusal<Code extends string = string> = {
  code: Code
  detail: string
  errors?: { pointer: string; detail: string }[]
}

export type Decision<Code extends string = string> =
  | { kind: 'write'; outcome: 'applied' | 'merged'; data: JsonObject | null; lost: LostValue[] }
  | { kind: 'no_change' }
  | { kind: 'superseded'; lost: LostValue[] }
  | { kind: 'conflict'; code: 'manual' | 'stale_version'; fields: string[] }
  | { kind: 'reject'; refusal: Refusal<Code | 'unknown_base'> }

export type DecisionContext<Code extends string> = {
  /**
   * Schema, business rules and size of a state that is to become the record's.
   * @param previous the state it replaces
   */
  validate: (data: JsonObject, previous: JsonObject | null) => Refusal<Code> | null
}

/**
 * What becomes of an edit. Pure: the same edit, base, record and policy give the same decision.
 *
 * Valid, then new, then fast-forward, then same, then concurrent, as semantics.md orders them; whether the change itself
 * may be read at all (scope, checksum, clock) is `admit`'s to say.
 * @param current undefined where the server never had the record
 */
export function decide<Code extends string>(
  edit: Edit,
  base: Base,
  current: Current | undefined,
  policy: TablePolicy,
  context: DecisionContext<Code>,
): Decision<Code> {
  if (edit.data !== null) {
    const refusal = context.validate(edit.data, base.data ?? current?.data ?? null)
    if (refusal) return { kind: 'reject', refusal }
  }
  if (current === undefined) {
    return edit.operation === 'CREATE'
      ? { kind: 'write', outcome: 'applied', data: edit.data, lost: [] }
      : unknownBase('The server never had this record. Create it first.')
  }
  const forward = base.standsOn === current.version
  if (current.data === null) return decideOnDeleted(edit, current, policy, forward)
  if (forward && edit.operation !== 'CREATE') return replaceOrKeep(edit, current)
  if (jsonEqual(edit.data, current.data)) return { kind: 'no_change' }
  if (base.standsOn !== null && base.standsOn > current.version) {
    return unknownBase(`The server's record is at version ${current.version}, older than the edit's base.`)
  }
  return edit.data === null
    ? deleteAgainstUpdate(edit, base, current, policy)
    : updateAgainstUpdate(
        { ...edit, data: edit.data },
        base,
        { ...current, data: current.data },
        policy,
        context,
      )
}

function replaceOrKeep(edit: Edit, current: Current): Decision<never> {
  return jsonEqual(edit.data, current.data)
    ? { kind: 'no_change' }
    : { kind: 'write', outcome: 'applied', data: edit.data, lost: [] }
}

/** A deleted record lives again by an explicit CREATE, or where the policy lets an update win; never by accident. */
function decideOnDeleted(
  edit: Edit,
  current: Current,
  policy: TablePolicy,
  forward: boolean,
): Decision<never> {
  switch (edit.operation) {
    case 'DELETE':
      return { kind: 'no_change' }
    case 'CREATE':
      return { kind: 'write', outcome: 'applied', data: edit.data, lost: [] }
    case 'UPDATE': {
      if (forward) return unknownBase('The record was deleted. Create it again to bring it back.')
      const rule = deleteRule(policy, clientIsLater(edit, current) ? 'update_wins' : 'delete_wins')
      switch (rule) {
        case 'manual':
          return { kind: 'conflict', code: 'manual', fields: [] }
        case 'stale_version':
          return { kind: 'conflict', code: 'stale_version', fields: [] }
        case 'update_wins':
          return { kind: 'write', outcome: 'applied', data: edit.data, lost: [serverLost(current)] }
        case 'delete_wins':
          return { kind: 'superseded', lost: [clientLost(edit)] }
      }
    }
  }
}

function deleteAgainstUpdate(edit: Edit, base: Base, current: Current, policy: TablePolicy): Decision<never> {
  // The record moved and came back to what the device deleted: nobody's edit is in the way.
  if (base.data !== undefined && jsonEqual(base.data, current.data)) return replaceOrKeep(edit, current)
  const rule = deleteRule(policy, clientIsLater(edit, current) ? 'delete_wins' : 'update_wins')
  switch (rule) {
    case 'manual':
      return { kind: 'conflict', code: 'manual', fields: [] }
    case 'stale_version':
      return { kind: 'conflict', code: 'stale_version', fields: [] }
    case 'delete_wins':
      return { kind: 'write', outcome: 'applied', data: null, lost: [serverLost(current)] }
    case 'update_wins':
      return { kind: 'superseded', lost: [clientLost(edit)] }
  }
}

/** What settles a delete against an update: the policy's word, else the strategy's own way. */
function deleteRule(policy: TablePolicy, byClock: DeleteRule): DeleteRule | 'stale_version' {
  if (policy.on_delete !== null) return policy.on_delete
  switch (policy.strategy) {
    case 'lww':
      return byClock
    case 'fww':
      return 'stale_version'
    case 'manual':
    case 'merge':
      return 'manual'
  }
}

type LiveEdit = Edit & { data: JsonObject }
type LiveRecord = Current & { data: JsonObject }

function updateAgainstUpdate<Code extends string>(
  edit: LiveEdit,
  base: Base,
  current: LiveRecord,
  policy: TablePolicy,
  context: DecisionContext<Code>,
): Decision<Code> {
  const overrides = Object.keys(policy.fields)
  if (policy.strategy !== 'merge' && overrides.length === 0) {
    return wholeRecord(edit, base, current, policy.strategy)
  }
  const merged =
    policy.strategy === 'merge'
      ? mergeFields(edit, base, current, policy)
      : mergeOverridden(edit, base, current, policy, policy.strategy, overrides)
  if (merged === 'stale_version') {
    return { kind: 'conflict', code: 'stale_version', fields: differingFields(edit.data, current.data) }
  }
  if (merged.clashes.length > 0) return { kind: 'conflict', code: 'manual', fields: merged.clashes }
  if (jsonEqual(merged.data, current.data)) {
    return merged.lost.length > 0 ? { kind: 'superseded', lost: merged.lost } : { kind: 'no_change' }
  }
  // Two states that are each valid can make one that is not: then a person decides, and neither is lost.
  if (context.validate(merged.data, current.data)) {
    return { kind: 'conflict', code: 'manual', fields: differingFields(edit.data, current.data) }
  }
  return {
    kind: 'write',
    outcome: jsonEqual(merged.data, edit.data) ? 'applied' : 'merged',
    data: merged.data,
    lost: merged.lost,
  }
}

function wholeRecord(
  edit: LiveEdit,
  base: Base,
  current: LiveRecord,
  strategy: 'lww' | 'fww' | 'manual',
): Decision<never> {
  switch (strategy) {
    case 'lww':
      return clientIsLater(edit, current)
        ? { kind: 'write', outcome: 'applied', data: edit.data, lost: [serverLost(current)] }
        : { kind: 'superseded', lost: [clientLost(edit)] }
    case 'fww':
      return { kind: 'conflict', code: 'stale_version', fields: differingFields(edit.data, current.data) }
    case 'manual':
      return { kind: 'conflict', code: 'manual', fields: clashingFields(base, edit.data, current.data) }
  }
}

function mergeFields(edit: LiveEdit, base: Base, current: LiveRecord, policy: TablePolicy): Merge {
  return mergeRecords({
    base: base.data ?? null,
    client: edit,
    server: current,
    ruleFor: (path) => fieldRule(policy, path),
  })
}

/** The overridden fields merge one by one; what is left of the record is one value under the table's strategy. */
function mergeOverridden(
  edit: LiveEdit,
  base: Base,
  current: LiveRecord,
  policy: TablePolicy,
  strategy: 'lww' | 'fww' | 'manual',
  overrides: string[],
): Merge | 'stale_version' {
  const paths = overrides.map(parsePath)
  const rest = (data: JsonObject) => paths.reduce((left, path) => withValueAt(left, path, undefined), data)
  const ours = rest(edit.data)
  const theirs = rest(current.data)
  const before = base.data == null ? null : rest(base.data)
  const bothChanged = !jsonEqual(ours, theirs) && !jsonEqual(ours, before) && !jsonEqual(theirs, before)
  if (bothChanged && strategy === 'fww') return 'stale_version'

  const merged = mergeFields(edit, base, current, policy)
  const oursStays =
    jsonEqual(theirs, before) || (bothChanged && strategy === 'lww' && clientIsLater(edit, current))
  const data = paths.reduce(
    (whole, path) => withValueAt(whole, path, valueAt(merged.data, path)),
    oursStays ? ours : theirs,
  )
  const overridden = (path: string) => overrides.some((name) => path === name || path.startsWith(`${name}.`))
  const lost = merged.lost.filter(({ path }) => overridden(path))
  const clashes = merged.clashes.filter(overridden)
  if (bothChanged && strategy === 'manual') clashes.push(...clashingFields(base, ours, theirs))
  if (bothChanged && strategy === 'lww') {
    lost.push(oursStays ? { ...serverLost(current), value: theirs } : { ...clientLost(edit), value: ours })
  }
  return { data, lost, clashes }
}

/** Top-level fields in which two states differ. */
function differingFields(a: JsonObject, b: JsonObject): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .filter((name) => !jsonEqual(valueAt(a, [name]), valueAt(b, [name])))
    .map((name) => name.replace(/[\\.]/g, '\\$&'))
}

/** Places that both sides changed, differently; every difference where the base is not known. */
function clashingFields(base: Base, ours: JsonObject, theirs: JsonObject): string[] {
  const side = (data: JsonObject) => ({ data, hlc: '', deviceId: null })
  const { clashes } = mergeRecords({
    base: base.data ?? null,
    client: side(ours),
    server: side(theirs),
    ruleFor: () => ({ tiebreak: 'manual', shape: 'nested' }),
  })
  return clashes.length > 0 ? clashes : differingFields(ours, theirs)
}

function serverLost(current: Current): LostValue {
  return { path: '', value: current.data as Json, from: 'server', hlc: current.hlc }
}

function clientLost(edit: Edit): LostValue {
  return { path: '', value: edit.data as Json, from: 'client', hlc: edit.hlc }
}

function unknownBase(detail: string): Decision<never> {
  return { kind: 'reject', refusal: { code: 'unknown_base', detail } }
}
