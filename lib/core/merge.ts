import { compareHlc } from './hlc.ts'
import { isJsonObject, jsonEqual, memberOf, type Json, type JsonObject } from './json.ts'
import type { Tiebreak } from './policy.ts'

/** How one place in a record merges. `whole`: the value is one thing, however deep; `set`: an array without order. */
export type FieldRule = { tiebreak: Tiebreak; shape: 'nested' | 'whole' | 'set'; join?: Join }

/**
 * Makes one value of two that were both made from `base`. `null`: it knows nothing of such values, and the shape
 * counts; `clash`: it does, and they cannot be joined.
 */
export type Join = (
  path: Path,
  sides: { base: Json | undefined; ours: Json | undefined; theirs: Json | undefined },
) => { value: Json | undefined } | 'clash' | null

/** A place in a record, from the top. */
export type Path = readonly string[]

/** A value that a rule discarded. Path "" is the whole record. */
export type LostValue = { path: string; value: Json; from: 'client' | 'server'; hlc: string }

export type Side = { data: JsonObject; hlc: string; deviceId: string | null }

export type Merge = {
  data: JsonObject
  /** What gave way where both sides changed the same place. */
  lost: LostValue[]
  /** Places that only a person can settle; `data` has the server's value there. */
  clashes: string[]
}

/** A name without a character, which would not be seen between its dots. */
const emptyName = '\\e'

/** Dotted path; a dot or backslash within a name is escaped with a backslash, and an empty name is written `\e`. */
export function formatPath(path: Path): string {
  return path.map((name) => (name === '' ? emptyName : name.replace(/[\\.]/g, '\\$&'))).join('.')
}

export function parsePath(text: string): string[] {
  return (text.match(/(?:\\.|[^.\\])+/g) ?? []).map((name) =>
    name === emptyName ? '' : name.replace(/\\(.)/g, '$1'),
  )
}

/** Who wins where both wrote: the higher HLC, of equal ones the higher device id. A total order. */
export function clientIsLater(client: Omit<Side, 'data'>, server: Omit<Side, 'data'>): boolean {
  const order = compareHlc(client.hlc, server.hlc)
  return order !== 0 ? order > 0 : (client.deviceId ?? '') > (server.deviceId ?? '')
}

/**
 * Three-way merge of two edits of one state: places that one side changed take that side's value; places that both
 * changed differently follow their rule.
 * @param base what both started from: null where there was nothing, undefined where it cannot be read any more; then
 *   every difference counts as changed on both sides, because nobody can say that it was not
 * @param places merges these alone and leaves the rest as the server has it; the whole record where it is left out
 */
export function mergeRecords(options: {
  base: JsonObject | null | undefined
  client: Side
  server: Side
  ruleFor: (path: Path) => FieldRule
  places?: readonly Path[]
  /** The stamp of the server's value at a place, where it is known to be another than the record's. */
  stampAt?: (path: Path) => string | null
}): Merge {
  const { client, server, ruleFor } = options
  const base = options.base ?? {}
  const baseIsKnown = options.base !== undefined
  const lost: LostValue[] = []
  const clashes: string[] = []

  const settle = (path: Path, tiebreak: Tiebreak, ours: Json | undefined, theirs: Json | undefined) => {
    if (tiebreak === 'manual') {
      clashes.push(formatPath(path))
      return theirs
    }
    const hlc = (tiebreak === 'lww' && options.stampAt?.(path)) || server.hlc
    const clientWins =
      tiebreak === 'client' || (tiebreak === 'lww' && clientIsLater(client, { ...server, hlc }))
    lost.push(
      clientWins
        ? { path: formatPath(path), value: theirs ?? null, from: 'server', hlc }
        : { path: formatPath(path), value: ours ?? null, from: 'client', hlc: client.hlc },
    )
    return clientWins ? ours : theirs
  }

  const mergeValue = (
    path: Path,
    base: Json | undefined,
    ours: Json | undefined,
    theirs: Json | undefined,
  ): Json | undefined => {
    if (jsonEqual(ours, theirs) || (baseIsKnown && jsonEqual(ours, base))) return theirs
    if (baseIsKnown && jsonEqual(theirs, base)) return ours
    const rule = ruleFor(path)
    const joined = rule.join?.(path, { base: baseIsKnown ? base : undefined, ours, theirs }) ?? null
    if (joined === 'clash') return settle(path, rule.tiebreak, ours, theirs)
    if (joined) return joined.value
    if (rule.shape === 'nested' && isJsonObject(ours) && isJsonObject(theirs)) {
      return mergeObject(path, isJsonObject(base) ? base : {}, ours, theirs)
    }
    if (rule.shape === 'set' && baseIsKnown && Array.isArray(ours) && Array.isArray(theirs)) {
      return mergeSet(Array.isArray(base) ? base : [], ours, theirs)
    }
    return settle(path, rule.tiebreak, ours, theirs)
  }

  const mergeObject = (path: Path, base: JsonObject, ours: JsonObject, theirs: JsonObject): JsonObject => {
    const merged: JsonObject = {}
    for (const name of new Set([...Object.keys(theirs), ...Object.keys(ours)])) {
      const value = mergeValue(
        [...path, name],
        memberOf(base, name),
        memberOf(ours, name),
        memberOf(theirs, name),
      )
      if (value !== undefined) merged[name] = value
    }
    return merged
  }

  const data = options.places
    ? options.places.reduce((merged, path) => {
        const at = (data: JsonObject) => valueAt(data, path)
        return withValueAt(merged, path, mergeValue(path, at(base), at(client.data), at(server.data)))
      }, server.data)
    : mergeObject([], base, client.data, server.data)
  return { data, lost, clashes }
}

/** Both sides' additions, neither side's removals, in the server's order. */
function mergeSet(base: Json[], ours: Json[], theirs: Json[]): Json[] {
  const has = (list: Json[], item: Json) => list.some((other) => jsonEqual(other, item))
  const kept = theirs.filter((item) => has(ours, item) || !has(base, item))
  const added = ours.filter((item) => !has(theirs, item) && !has(base, item))
  return [...kept, ...added]
}

/** Whether a place is another, or lies in it. */
export function liesIn(path: Path, other: Path): boolean {
  return other.every((name, depth) => name === path[depth])
}

/** The value at a path, `undefined` where there is none. */
export function valueAt(data: Json | undefined, path: Path): Json | undefined {
  return path.reduce<Json | undefined>((value, name) => memberOf(value, name), data)
}

/** Whether a value at the path would replace something that is no object. */
export function isBlocked(data: JsonObject, path: Path): boolean {
  return path.some((_, depth) => {
    const above = valueAt(data, path.slice(0, depth))
    return above !== undefined && !isJsonObject(above)
  })
}

/**
 * A copy with another value at the path. Objects that are missing on the way are made, what stands in their place gives
 * way. `undefined` removes the value, and leaves alone what does not have it.
 */
export function withValueAt(data: JsonObject, path: Path, value: Json | undefined): JsonObject {
  const [name, ...rest] = path
  if (name === undefined || (value === undefined && valueAt(data, path) === undefined)) return data
  const inner = memberOf(data, name)
  const next = rest.length === 0 ? value : withValueAt(isJsonObject(inner) ? inner : {}, rest, value)
  if (next === undefined) {
    const { [name]: _removed, ...others } = data
    return others
  }
  return { ...data, [name]: next }
}
