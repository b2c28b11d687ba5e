import { jsonEqual, type JsonObject } from '#lib/core/json.ts'
import { parsePath, valueAt } from '#lib/core/merge.ts'
import { composeTextOps } from '#lib/core/text/delta.ts'
import { diffText } from '#lib/core/text/diff.ts'
import type { TextEdits } from '#lib/core/text/fields.ts'

/** A state of a record, and how its texts came to be what they are in it. */
interface Edited {
  readonly data: JsonObject | null
  readonly textOps: TextEdits | null
}

/**
 * How the texts were edited by two edits that become one. What was done stays as it was done; only a text that the
 * later edit replaced as a whole is compared. A text of which one of the two steps is not known is left to the server,
 * which knows what was edited.
 * @param base what the earlier edit was made on; undefined where this device no longer has it
 */
export function composeTextEdits(earlier: Edited, later: Edited, base?: JsonObject | null): TextEdits | null {
  const composed: TextEdits = {}
  const paths = new Set([...Object.keys(earlier.textOps ?? {}), ...Object.keys(later.textOps ?? {})])
  for (const path of paths) {
    const [from, to] = [textAt(earlier.data, path), textAt(later.data, path)]
    if (from === null || to === null) continue
    const isUntouched = base !== undefined && textAt(base, path) === from
    const first = earlier.textOps?.[path] ?? (isUntouched ? [] : null)
    if (first === null) continue
    const ops = composeTextOps(first, later.textOps?.[path] ?? diffText(from, to))
    if (ops.length > 0) composed[path] = ops
  }
  return jsonEqual(composed, {}) ? null : composed
}

/** The text at a place, as the server reads it: empty where there is nothing; null where there is something else. */
function textAt(data: JsonObject | null, path: string): string | null {
  const value = valueAt(data ?? undefined, parsePath(path)) ?? ''
  return typeof value === 'string' ? value : null
}
