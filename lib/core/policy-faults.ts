import { isJsonObject, jsonPointer, type Json } from './json.ts'
import { formatPath, liesIn, parsePath } from './merge.ts'
import type { TablePolicy, UpcastStep } from './policy.ts'
import { mayBeText, schemaAt } from './text/fields.ts'

/** What is wrong with a policy, and where: a JSON pointer into it. */
export type PolicyFault = { pointer: string; detail: string }

/** What makes no sense in a policy though each part of it may be well-formed; its rules and schema are not looked into. */
export function policyFaults(policy: TablePolicy): PolicyFault[] {
  return [...pathFaults(policy), ...nestingFaults(policy), ...typeFaults(policy), ...schemaFaults(policy)]
}

/** A dotted path, and where in the policy it is written. */
type PlacedPath = [path: string, at: PropertyKey[]]

function pathFaults({ fields, sets, rules, upcasts }: TablePolicy): PolicyFault[] {
  const paths: PlacedPath[] = [
    ...Object.keys(fields).map((path): PlacedPath => [path, ['fields', path]]),
    ...sets.map((path, index): PlacedPath => [path, ['sets', index]]),
    ...rules.map(({ field }, index): PlacedPath => [field, ['rules', index, 'field']]),
    ...Object.entries(upcasts).flatMap(([version, steps]) =>
      steps.flatMap((step, index) => stepPaths(step, ['upcasts', version, index])),
    ),
  ]
  return paths.flatMap(([path, at]) => {
    if (formatPath(parsePath(path)) === path) return []
    const detail =
      'is no dotted path: names with a dot between them; \\. and \\\\ within a name, \\e for an empty one'
    return [{ pointer: jsonPointer(at), detail }]
  })
}

function stepPaths(step: UpcastStep, at: PropertyKey[]): PlacedPath[] {
  if ('drop' in step) return step.drop.map((path, index) => [path, [...at, 'drop', index]])
  if ('rename' in step) {
    return Object.entries(step.rename).flatMap(([from, to]): PlacedPath[] => {
      const place = [...at, 'rename', from]
      return [from, to].map((path) => [path, place])
    })
  }
  const [word, fields] = 'default' in step ? ['default', step.default] : ['map', step.map]
  return Object.keys(fields).map((path) => [path, [...at, word, path]])
}

/** Within a field that is one value nothing has a rule of its own. */
function nestingFaults({ fields, sets }: TablePolicy): PolicyFault[] {
  const whole = Object.entries(fields).flatMap(([path, { strategy }]) =>
    strategy === undefined || strategy === 'merge' || strategy === 'ot' ? [] : [{ path, strategy }],
  )
  const above = (path: string) =>
    whole.find((other) => other.path !== path && liesIn(parsePath(path), parsePath(other.path)))
  const inField = Object.keys(fields).map((path) => ({ path, pointer: jsonPointer(['fields', path]) }))
  const inSets = sets.map((path, index) => ({ path, pointer: jsonPointer(['sets', index]) }))
  return [...inField, ...inSets].flatMap(({ path, pointer }) => {
    const outer = above(path)
    return outer
      ? [{ pointer, detail: `never applies: ${outer.path} is one value under ${outer.strategy}` }]
      : []
  })
}

function typeFaults({ fields }: TablePolicy): PolicyFault[] {
  return Object.entries(fields).flatMap(([path, { strategy, type }]) => {
    const pointer = jsonPointer(['fields', path, 'type'])
    if (strategy === 'crdt' && type === undefined)
      return [{ pointer, detail: 'is required with the strategy crdt' }]
    if (strategy !== 'crdt' && type !== undefined)
      return [{ pointer, detail: 'comes with the strategy crdt alone' }]
    return []
  })
}

/** Strategies for values that the table's schema does not let in. */
function schemaFaults({ fields, schema, strategy }: TablePolicy): PolicyFault[] {
  const faults: PolicyFault[] = []
  for (const [path, field] of Object.entries(fields)) {
    const pointer = jsonPointer(['fields', path, 'strategy'])
    const at = schemaAt(schema, parsePath(path))
    if (field.strategy === 'ot' && !isObjectSchema(at) && !mayBeText(at)) {
      faults.push({ pointer, detail: `ot merges text, and by the schema ${path} is none` })
    }
    if (field.strategy === 'crdt' && at !== undefined && !allows(at, 'object')) {
      faults.push({ pointer, detail: `a CRDT is an object, and by the schema ${path} is none` })
    }
  }
  const named = schema && isJsonObject(schema['properties']) ? Object.keys(schema['properties']) : []
  const hasText = named.some((name) => {
    const at = schemaAt(schema, [name])
    return isObjectSchema(at) || mayBeText(at)
  })
  if (strategy === 'ot' && named.length > 0 && !hasText) {
    faults.push({
      pointer: '/strategy',
      detail: 'ot merges text, and the schema names no field that is text',
    })
  }
  return faults
}

function allows(schema: Json, type: string): boolean {
  if (!isJsonObject(schema)) return schema !== false
  const { type: types } = schema
  return types === undefined || types === type || (Array.isArray(types) && types.includes(type))
}

function isObjectSchema(schema: Json | undefined): boolean {
  return isJsonObject(schema) && schema['type'] !== undefined && allows(schema, 'object')
}
