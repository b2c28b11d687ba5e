import { isJsonObject, type Json } from '#lib/core/json.ts'

// What was sent, as JSON that is kept and shown.

/**
 * A change as JSON, without what each sending says anew: what one that cannot be read is known by, and a dead letter, so
 * that what is one letter has one hash.
 */
export function contentText(raw: unknown): string {
  if (!isJsonObject(raw)) return sentText(raw)
  const { seq: _seq, hlc: _hlc, vector: _vector, traceparent: _traceparent, ...content } = raw
  return sentText(content)
}

/** What was sent as JSON that reads as the same again: a number past all doubles stays one, and is not null. */
export function sentText(raw: unknown): string {
  const text = JSON.stringify(raw, (_, value: unknown) =>
    value === Infinity || value === -Infinity ? rawJson(value > 0 ? '1e999' : '-1e999') : value,
  )
  return text ?? 'null'
}

// https://github.com/tc39/proposal-json-parse-with-source, which the types do not know yet.
const { rawJSON: rawJson } = JSON as JSON & { rawJSON: (text: string) => unknown }

/** What `sentText` made, as JSON to show: such a number is text. null where it is no JSON. */
export function shownChange(text: string): Json {
  try {
    return JSON.parse(text, (_, value: Json) =>
      value === Infinity || value === -Infinity ? (value > 0 ? '1e999' : '-1e999') : value,
    ) as Json
  } catch {
    return null
  }
}
