import { isJsonObject, type Json, type JsonObject } from '#lib/core/json.ts'

/** Members of a change that the server gives anew at a replay: they are not a person's to write. */
const given = new Set(['op_id', 'seq', 'hlc', 'checksum', 'vector', 'traceparent', 'base_op_id', 'saga'])

/** The part of a change that a person can mend, in the order it was sent. */
export function editablePart(change: Json): JsonObject {
  if (!isJsonObject(change)) return {}
  return Object.fromEntries(Object.entries(change).filter(([name]) => !given.has(name)))
}

export type Draft = { ok: true; change: JsonObject } | { ok: false; message: string }

/** What was typed, as a change, or why it is none: in words, with the line where that is known. */
export function readDraft(text: string): Draft {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { ok: false, message: `Not JSON yet: ${lineOf(error, text)}` }
  }
  if (!isJsonObject(value)) return { ok: false, message: 'A change is an object: { "table": …, "data": … }.' }
  if (typeof value['table'] !== 'string') return { ok: false, message: 'The change needs a "table".' }
  if (typeof value['record_id'] !== 'string') return { ok: false, message: 'The change needs a "record_id".' }
  const operation = value['operation']
  if (operation !== 'CREATE' && operation !== 'UPDATE' && operation !== 'DELETE') {
    return { ok: false, message: 'The "operation" is CREATE, UPDATE or DELETE.' }
  }
  if (operation !== 'DELETE' && !isJsonObject(value['data'])) {
    return { ok: false, message: `A ${operation} needs "data": the full record.` }
  }
  return { ok: true, change: value }
}

/** Engines say the position in different words; the line is what helps a person. */
function lineOf(error: unknown, text: string): string {
  const message = error instanceof Error ? error.message : ''
  const position = /position (\d+)/.exec(message)?.[1]
  if (position === undefined) return 'it ends too early, or a bracket or comma is missing.'
  const line = text.slice(0, Number(position)).split('\n').length
  return `look at line ${line}.`
}
