import type { Base, Current, Decision, DecisionContext, Edit, MergedTexts } from './decide.ts'
import { growBy, joinPlaces } from './crdt/places.ts'
import { fieldRule } from './field-rules.ts'
import { jsonEqual, type JsonObject } from './json.ts'
import {
  clientIsLater,
  formatPath,
  isBlocked,
  liesIn,
  mergeRecords,
  parsePath,
  valueAt,
  withValueAt,
  type Join,
  type LostValue,
  type Merge,
  type Path,
} from './merge.ts'
import { defaultDeleteRule, type DeleteRule, type TablePolicy } from './policy.ts'
import { overlaps, stampSince } from './since.ts'
import { mergeText } from './text/merge.ts'

/** A delete on one side, an edit on the other. */
export function deleteAgainstUpdate<Code extends string>(
  edit: Edit,
  base: Base,
  current: Current,
  policy: TablePolicy,
  context: DecisionContext<Code>,
): Decision<Code> {
  // The record moved and came back to what the device deleted: nobody's edit is in the way.
  if (edit.data === null && base.data !== undefined && jsonEqual(base.data, current.data)) {
    return { kind: 'write', outcome: 'applied', data: null, lost: [] }
  }
  const [ours, theirs]: [DeleteRule, DeleteRule] =
    edit.data === null ? ['delete_wins', 'update_wins'] : ['update_wins', 'delete_wins']
  const rule = deleteRule(policy, clientIsLater(edit, current) ? ours : theirs)
  switch (rule) {
    case 'manual':
    case 'stale_version':
      return { kind: 'conflict', code: rule, fields: [] }
    case 'delete_wins':
    case 'update_wins':
      if (rule !== ours) return { kind: 'superseded', lost: [clientLost(edit)] }
      return edit.data === null
        ? { kind: 'write', outcome: 'applied', data: null, lost: [serverLost(current)] }
        : revive({ ...edit, data: edit.data }, current, policy, context)
  }
}

/**
 * A deleted record lives again as the edit has it. Its CRDTs only grow: what they held when it was deleted, and the edit
 * had not seen, is joined in.
 */
function revive<Code extends string>(
  edit: LiveEdit,
  current: Current,
  policy: TablePolicy,
  context: DecisionContext<Code>,
): Decision<Code> {
  const data = joinPlaces(policy, edit.data, current.lastData ?? null)
  const isAsSent = jsonEqual(data, edit.data)
  if (!isAsSent && context.validate(data, null)) return { kind: 'conflict', code: 'manual', fields: [] }
  return { kind: 'write', outcome: isAsSent ? 'applied' : 'merged', data, lost: [serverLost(current)] }
}

/** What settles a delete against an update: the policy's word, else the strategy's own way. */
function deleteRule(policy: TablePolicy, byClock: DeleteRule): DeleteRule | 'stale_version' {
  return (
    policy.on_delete ??
    defaultDeleteRule(policy.strategy) ??
    (policy.strategy === 'fww' ? 'stale_version' : byClock)
  )
}

type LiveEdit = Edit & { data: JsonObject }
type LiveRecord = Current & { data: JsonObject }

/** Two edits of one state that is alive on both sides. */
export function updateAgainstUpdate<Code extends string>(
  edit: LiveEdit,
  base: Base,
  current: LiveRecord,
  policy: TablePolicy,
  context: DecisionContext<Code>,
): Decision<Code> {
  const texts: MergedTexts = {}
  const merged = mergeUnder(
    policy,
    edit,
    base,
    current,
    joinTexts(edit, base, texts, context.isHistoryLost === true),
  )
  if (merged === 'stale_version') {
    return { kind: 'conflict', code: 'stale_version', fields: differingFields(edit.data, current.data) }
  }
  if (merged.clashes.length > 0) return { kind: 'conflict', code: 'manual', fields: merged.clashes }
  const joined = Object.keys(texts).length > 0 ? { texts } : {}
  const data = growBy(policy, merged.data, edit.data)
  if (jsonEqual(data, current.data)) {
    return merged.lost.length > 0
      ? { kind: 'superseded', lost: merged.lost, ...joined }
      : { kind: 'no_change', ...joined }
  }
  // What was valid on its own base may not be on what others made of it: then a person decides, and neither is lost.
  if (context.validate(data, current.data)) {
    return { kind: 'conflict', code: 'manual', fields: differingFields(edit.data, current.data) }
  }
  return {
    kind: 'write',
    outcome: jsonEqual(data, edit.data) ? 'applied' : 'merged',
    data,
    lost: merged.lost,
    ...joined,
  }
}

/** Merges two texts over what both were made of, and notes what came of it. Without that, they are two values. */
function joinTexts(edit: LiveEdit, base: Base, texts: MergedTexts, isHistoryLost: boolean): Join {
  // What was lost may have come back already, within an edit that was made on it: then its letters would be there twice.
  const mayBeWithin = isHistoryLost && (edit.operation === 'CREATE' || base.since?.textEdits === null)
  return (path, sides) => {
    if (base.data === undefined || mayBeWithin) return null
    const [before = '', ours, theirs] = [sides.base, sides.ours, sides.theirs]
    if (typeof before !== 'string' || typeof ours !== 'string' || typeof theirs !== 'string') return null
    const name = formatPath(path)
    const since = base.since?.textEdits?.flatMap((edits) => (edits[name] ? [edits[name]] : [])) ?? null
    const merged = mergeText({ base: before, ours, theirs }, edit.textEdits?.[name], since)
    texts[name] = merged
    return { value: merged.text }
  }
}

function mergeUnder(
  policy: TablePolicy,
  edit: LiveEdit,
  base: Base,
  current: LiveRecord,
  joinText: Join,
): Merge | 'stale_version' {
  const { strategy } = policy
  const sides = { base: base.data, client: edit, server: current }
  const ruleFor = (path: Path) => fieldRule(policy, path, joinText)
  const stampAt = (path: Path) => stampSince(base.since, (written) => overlaps(path, written))
  if (strategy === 'merge' || strategy === 'ot' || strategy === 'crdt') {
    return mergeRecords({ ...sides, ruleFor, stampAt })
  }

  const overrides = outermost(Object.keys(policy.fields).map(parsePath))
  if (overrides.length === 0) return mergeWhole(strategy, edit, base.data, current)

  // The overridden fields merge one by one; what is left of the record is one value under the table's strategy.
  const rest = (data: JsonObject) =>
    overrides.reduce((left, path) => withValueAt(left, path, undefined), data)
  const ours = { ...edit, data: rest(edit.data) }
  const restStamp = stampSince(base.since, (written) => !overrides.some((path) => liesIn(written, path)))
  const theirs = { ...current, data: rest(current.data), hlc: restStamp ?? current.hlc }
  const before = base.data && rest(base.data)
  const whole = oneSided(ours.data, before, theirs.data) ?? mergeWhole(strategy, ours, before, theirs)
  if (whole === 'stale_version') return whole

  const fields = mergeRecords({ ...sides, ruleFor, stampAt, places: overrides })
  const clashes = [...whole.clashes, ...fields.clashes]
  let { data } = whole
  for (const path of overrides) {
    const value = valueAt(fields.data, path)
    if (value !== undefined && isBlocked(data, path)) clashes.push(formatPath(path))
    else data = withValueAt(data, path, value)
  }
  return { data, lost: [...whole.lost, ...fields.lost], clashes }
}

/** What one side alone made of a state. */
function oneSided(ours: JsonObject, before: Base['data'], theirs: JsonObject): Merge | null {
  if (jsonEqual(ours, before)) return { data: theirs, lost: [], clashes: [] }
  if (jsonEqual(theirs, before)) return { data: ours, lost: [], clashes: [] }
  return null
}

/** The record as one value. */
function mergeWhole(
  strategy: 'lww' | 'fww' | 'manual',
  edit: LiveEdit,
  before: Base['data'],
  current: LiveRecord,
): Merge | 'stale_version' {
  const server = { data: current.data, lost: [], clashes: [] }
  if (jsonEqual(edit.data, current.data)) return server
  switch (strategy) {
    case 'lww':
      return clientIsLater(edit, current)
        ? { data: edit.data, lost: [serverLost(current)], clashes: [] }
        : { ...server, lost: [clientLost(edit)] }
    case 'fww':
      return 'stale_version'
    case 'manual':
      return { ...server, clashes: clashingFields(edit.data, before, current.data) }
  }
}

/** Without those that lie in another: a place is merged with everything in it. */
function outermost(paths: readonly Path[]): Path[] {
  return paths.filter((path) => !paths.some((other) => other.length < path.length && liesIn(path, other)))
}

/** Top-level fields in which two states differ. */
function differingFields(a: JsonObject, b: JsonObject): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .filter((name) => !jsonEqual(valueAt(a, [name]), valueAt(b, [name])))
    .map((name) => formatPath([name]))
}

/** Places that both sides changed, differently; every difference where the base is not known. */
function clashingFields(ours: JsonObject, before: Base['data'], theirs: JsonObject): string[] {
  const side = (data: JsonObject) => ({ data, hlc: '', deviceId: null })
  const { clashes } = mergeRecords({
    base: before,
    client: side(ours),
    server: side(theirs),
    ruleFor: () => ({ tiebreak: 'manual', shape: 'nested' }),
  })
  return clashes.length > 0 ? clashes : differingFields(ours, theirs)
}

function serverLost(current: Current): LostValue {
  return { path: '', value: current.data, from: 'server', hlc: current.hlc }
}

function clientLost(edit: Edit): LostValue {
  return { path: '', value: edit.data, from: 'client', hlc: edit.hlc }
}
