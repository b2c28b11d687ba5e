import { isJsonObject, jsonEqual, type Json, type JsonObject } from '#lib/core/json.ts'

export type Edit = { kind: 'unchanged' } | { kind: 'unreadable' } | { kind: 'changed'; data: JsonObject }

/** What somebody made of a step's data in a text field. */
export function readEdit(text: string, sent: JsonObject): Edit {
  let data: Json
  try {
    data = JSON.parse(text) as Json
  } catch {
    return { kind: 'unreadable' }
  }
  if (!isJsonObject(data)) return { kind: 'unreadable' }
  return jsonEqual(data, sent) ? { kind: 'unchanged' } : { kind: 'changed', data }
}
