import { isJsonObject, type Json, type JsonObject } from './json.ts'
import { parsePath, type Path } from './merge.ts'
import type { UpcastStep } from './policy.ts'

/** The fields of an object that somebody knows, each with what they know inside it; `all`: whatever is there. */
export type KnownFields = 'all' | ReadonlyMap<string, KnownFields>

/** Deeper than records may be nested, and an end for schemas that refer to themselves. */
const maxDepth = 16

/**
 * The fields that a JSON Schema names, in objects within objects. An object whose schema says what keys it does not name
 * may hold (`patternProperties`, a schema in `additionalProperties`) is a map, and known whole, as an array is.
 */
export function knownFields(schema: JsonObject): KnownFields {
  return fieldsOf(schema, schema, 0)
}

function fieldsOf(schema: Json | undefined, root: JsonObject, depth: number): KnownFields {
  if (!isJsonObject(schema) || depth > maxDepth) return 'all'
  if (isJsonObject(schema['additionalProperties']) || isJsonObject(schema['patternProperties'])) return 'all'
  const fields = new Map<string, KnownFields>()
  if (isJsonObject(schema['properties'])) {
    for (const [name, inner] of Object.entries(schema['properties'])) {
      fields.set(name, fieldsOf(inner, root, depth + 1))
    }
  }
  const branches = ['allOf', 'anyOf', 'oneOf'].flatMap((word) => {
    const list = schema[word]
    return Array.isArray(list) ? list : []
  })
  for (const branch of [...branches, schema['then'], schema['else'], referred(schema, root)]) {
    if (branch === undefined) continue
    const more = fieldsOf(branch, root, depth + 1)
    if (more === 'all') continue
    for (const [name, inner] of more) fields.set(name, unite(fields.get(name), inner))
  }
  return fields.size === 0 ? 'all' : fields
}

function referred(schema: JsonObject, root: JsonObject): Json | undefined {
  const ref = schema['$ref']
  if (typeof ref !== 'string' || !ref.startsWith('#')) return undefined
  const names = ref.split('/').slice(1)
  return names.reduce<Json | undefined>((at, name) => {
    const key = decodeURIComponent(name).replaceAll('~1', '/').replaceAll('~0', '~')
    return isJsonObject(at) && Object.hasOwn(at, key) ? at[key] : undefined
  }, root)
}

function unite(one: KnownFields | undefined, other: KnownFields): KnownFields {
  if (one === undefined) return other
  if (one === 'all' || other === 'all') return 'all'
  const both = new Map(one)
  for (const [name, inner] of other) both.set(name, unite(both.get(name), inner))
  return both
}

/** Under which names known fields go after upcast steps. What a step adds stays unknown. */
export function afterSteps(known: KnownFields, steps: readonly UpcastStep[]): KnownFields {
  let fields = known
  for (const step of steps) {
    if ('rename' in step) {
      for (const [from, to] of Object.entries(step.rename)) {
        const moved = at(fields, parsePath(from))
        if (moved !== undefined) fields = put(put(fields, parsePath(from), undefined), parsePath(to), moved)
      }
    } else if ('drop' in step) {
      for (const field of step.drop) fields = put(fields, parsePath(field), undefined)
    }
  }
  return fields
}

function at(fields: KnownFields, path: Path): KnownFields | undefined {
  return path.reduce<KnownFields | undefined>(
    (inner, name) => (inner === undefined || inner === 'all' ? inner : inner.get(name)),
    fields,
  )
}

function put(fields: KnownFields, [name, ...rest]: Path, value: KnownFields | undefined): KnownFields {
  if (fields === 'all' || name === undefined) return fields
  const next = rest.length === 0 ? value : put(fields.get(name) ?? new Map(), rest, value)
  const others = new Map(fields)
  if (next === undefined) others.delete(name)
  else others.set(name, next)
  return others
}

/**
 * What somebody wrote who knows only some of the fields, with what the record holds in the others.
 * A field that they know and left out was removed; a field that they do not know stays as it is, inside objects too, as
 * long as the object is there. What they sent counts, whether they should know it or not.
 * @param written what they wrote, without what defaults made of it
 * @param raised the same with defaults
 * @param present the record as it is
 */
export function keepUnknown(
  raised: JsonObject,
  written: JsonObject,
  present: JsonObject,
  known: KnownFields,
): JsonObject {
  if (known === 'all') return raised
  const kept = new Map(Object.entries(raised))
  for (const [name, value] of Object.entries(present)) {
    const inner = known.get(name)
    if (!Object.hasOwn(written, name)) {
      if (inner === undefined) kept.set(name, value)
      continue
    }
    const [whole, own] = [kept.get(name), written[name]]
    if (inner !== undefined && isJsonObject(whole) && isJsonObject(own) && isJsonObject(value)) {
      kept.set(name, keepUnknown(whole, own, value, inner))
    }
  }
  return Object.fromEntries(kept)
}
