import { isJsonObject, jsonEqual, type Json, type JsonObject } from './json.ts'
import { formatPath, mergeRecords, type FieldRule } from './merge.ts'

/** What happened to a place on either side of the base; `same`: both made the same of it. */
export type FieldKind = 'unchanged' | 'same' | 'client' | 'server' | 'clash'

/** One place of a record in three states; a side that does not have it is undefined. */
export type FieldView = {
  /** Dotted, as `formatPath` writes it; "" is the whole record. */
  path: string
  segments: string[]
  kind: FieldKind
  base: Json | undefined
  client: Json | undefined
  server: Json | undefined
}

/** A record in conflict; null where it does not exist (was deleted, or never was). */
export type ThreeStates = { base: JsonObject | null; client: JsonObject | null; server: JsonObject | null }

/**
 * The places of a record at which a person can decide: nested objects down to their values, arrays as values.
 * Where one side deleted the record, the record is the only place.
 */
export function fieldViews({ base, client, server }: ThreeStates): FieldView[] {
  if (client === null || server === null) {
    return [{ path: '', segments: [], kind: kindOf(base, client, server), base, client, server }]
  }
  return walk([], base ?? undefined, client, server)
}

/**
 * What merges by itself, with the server's value where a person has to decide.
 * @returns null where a side deleted the record: then there is nothing between the two
 */
export function suggestMerge({
  base,
  client,
  server,
}: ThreeStates): { data: JsonObject; clashes: string[] } | null {
  if (client === null || server === null) return null
  const side = (data: JsonObject) => ({ data, hlc: '', deviceId: null })
  const { data, clashes } = mergeRecords({
    base,
    client: side(client),
    server: side(server),
    ruleFor: () => askAPerson,
  })
  return { data, clashes }
}

const askAPerson: FieldRule = { tiebreak: 'manual', shape: 'nested' }

/** Where two states differ, place by place. */
export function fieldChanges(
  before: Json | undefined,
  after: Json | undefined,
  segments: readonly string[] = [],
): { path: string; before: Json | undefined; after: Json | undefined }[] {
  if (isNested(before) && isNested(after)) {
    const names = new Set([...Object.keys(before), ...Object.keys(after)])
    return [...names].flatMap((name) =>
      fieldChanges(own(before, name), own(after, name), [...segments, name]),
    )
  }
  return jsonEqual(before, after) ? [] : [{ path: formatPath(segments), before, after }]
}

function walk(
  segments: string[],
  base: Json | undefined,
  client: Json | undefined,
  server: Json | undefined,
): FieldView[] {
  // As the merge descends: what one side removed or replaced is one place.
  if (isNested(client) && isNested(server)) {
    const names = new Set(
      [server, client, base].flatMap((value) => (isJsonObject(value) ? Object.keys(value) : [])),
    )
    if (names.size > 0) {
      return [...names].flatMap((name) =>
        walk([...segments, name], own(base, name), own(client, name), own(server, name)),
      )
    }
  }
  return [{ path: formatPath(segments), segments, kind: kindOf(base, client, server), base, client, server }]
}

/** A CRDT's state is one value: what is within means nothing by itself. */
function isNested(value: Json | undefined): value is JsonObject {
  return isJsonObject(value) && !Object.hasOwn(value, '$crdt')
}

function kindOf(base: Json | undefined, client: Json | undefined, server: Json | undefined): FieldKind {
  if (jsonEqual(client, server)) return jsonEqual(client, base) ? 'unchanged' : 'same'
  if (jsonEqual(server, base)) return 'client'
  if (jsonEqual(client, base)) return 'server'
  return 'clash'
}

function own(value: Json | undefined, name: string): Json | undefined {
  return isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
}
