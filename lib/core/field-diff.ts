import { isJsonObject, jsonEqual, memberOf, type Json, type JsonObject } from './json.ts'
import { formatPath } from './merge.ts'

/** Where two states differ, place by place. */
export function fieldChanges(
  before: Json | undefined,
  after: Json | undefined,
  segments: readonly string[] = [],
): { path: string; before: Json | undefined; after: Json | undefined }[] {
  if (isNested(before) && isNested(after)) {
    const names = new Set([...Object.keys(before), ...Object.keys(after)])
    return [...names].flatMap((name) =>
      fieldChanges(memberOf(before, name), memberOf(after, name), [...segments, name]),
    )
  }
  return jsonEqual(before, after) ? [] : [{ path: formatPath(segments), before, after }]
}

/** Whether a value has places within. A CRDT's state is one value: what is in it means nothing by itself. */
export function isNested(value: Json | undefined): value is JsonObject {
  return isJsonObject(value) && !Object.hasOwn(value, '$crdt')
}
