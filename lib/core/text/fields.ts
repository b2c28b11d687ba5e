import { fieldChanges } from '../field-diff.ts'
import { isJsonObject, jsonPointer, type Json, type JsonObject } from '../json.ts'
import { parsePath, valueAt, type Path } from '../merge.ts'
import { fieldPolicy, usesStrategy, type TablePolicy } from '../policy.ts'
import { applyTextOps, readTextOps, type TextOps } from './delta.ts'
import { diffText } from './diff.ts'

/** Edits of the texts of one record, by dotted path. */
export type TextEdits = { [path: string]: TextOps }

type TextPolicy = Pick<TablePolicy, 'strategy' | 'fields' | 'schema'>

/**
 * Whether what stands at a place, where it is a string, is text that merges letter by letter. In a table of `ot` that
 * is every string, but for those whose schema says that they are something else: a word of a list, a date, a number.
 */
export function isTextField(policy: TextPolicy, path: string): boolean {
  const strategy = fieldPolicy(policy, path)?.strategy
  if (strategy !== undefined) return strategy === 'ot'
  return policy.strategy === 'ot' && mayBeText(schemaAt(policy.schema, parsePath(path)))
}

/** Whether a schema says nothing against text: no words to choose from, no pattern, no other type. */
export function mayBeText(schema: Json | undefined): boolean {
  if (!isJsonObject(schema)) return schema !== false
  const { type } = schema
  const types = Array.isArray(type) ? type : type === undefined ? ['string'] : [type]
  return types.includes('string') && !['enum', 'const', 'format', 'pattern'].some((word) => word in schema)
}

/** What a JSON Schema says of a place, through `properties` and references within it; undefined where it is silent. */
export function schemaAt(schema: JsonObject | null, path: Path): Json | undefined {
  const root = schema ?? undefined
  return path.reduce<Json | undefined>(
    (at, name) => resolve(root, valueAt(resolve(root, at), ['properties', name])),
    resolve(root, root),
  )
}

/** Follows `$ref` as far as it leads within the document. */
function resolve(root: JsonObject | undefined, schema: Json | undefined): Json | undefined {
  let at = schema
  for (let hops = 0; hops < 10 && isJsonObject(at) && typeof at['$ref'] === 'string'; hops++) {
    const reference = at['$ref']
    if (!reference.startsWith('#/')) return at
    const names = reference.slice(2).split('/')
    at = valueAt(
      root,
      names.map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~')),
    )
  }
  return at
}

/**
 * The edits a device says it made. Those of fields that are no text here say nothing to us.
 * @param base what was edited; undefined where it cannot be read any more, and then they cannot be used
 */
export function readTextEdits(
  policy: TablePolicy,
  sent: { [path: string]: Json[] } | undefined,
  base: JsonObject | null | undefined,
  data: JsonObject,
): { edits: TextEdits } | { pointer: string; detail: string } {
  const edits: TextEdits = {}
  if (!sent || base === undefined || !usesStrategy(policy, 'ot')) return { edits }
  for (const [path, steps] of Object.entries(sent)) {
    if (!isTextField(policy, path)) continue
    const read = readTextOps(steps)
    const at = (step?: number | null) => jsonPointer(['text_ops', path, ...(step == null ? [] : [step])])
    if ('detail' in read) return { pointer: at(read.at), detail: read.detail }
    const before = textAt(base, path)
    const after = textAt(data, path)
    if (before === null || after === null)
      return { pointer: at(), detail: 'is the edit of a field that is no text' }
    const result = applyTextOps(before, read.ops)
    if (result === null) return { pointer: at(), detail: 'does not fit the text it was made on' }
    if (result !== after) return { pointer: at(), detail: `does not come to what ${path} says in data` }
    edits[path] = read.ops
  }
  return { edits }
}

/** The edits that lead from one state of a record to the next, in its texts: those given, the others derived. */
export function textEdits(
  policy: TablePolicy,
  { before, after }: { before: JsonObject | null; after: JsonObject },
  given: TextEdits,
): TextEdits {
  const edits: TextEdits = {}
  for (const { path } of fieldChanges(before ?? {}, after)) {
    if (!isTextField(policy, path)) continue
    const [from, to] = [textAt(before, path), textAt(after, path)]
    if (from === null || to === null) continue
    const told = given[path]
    edits[path] = told && applyTextOps(from, told) === to ? told : diffText(from, to)
  }
  return edits
}

/** The text at a place; empty where there is nothing, null where there is something else. */
function textAt(data: JsonObject | null, path: string): string | null {
  const value = valueAt(data ?? undefined, parsePath(path)) ?? ''
  return typeof value === 'string' ? value : null
}
