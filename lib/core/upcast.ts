import type { JsonObject } from './json.ts'
import { keepUnknown, type KnownFields } from './known-fields.ts'
import { parsePath, valueAt, withValueAt } from './merge.ts'
import type { TablePolicy, UpcastStep } from './policy.ts'

/**
 * The steps that bring data of an older schema up to the table's; none from the table's own version on.
 * @returns null where no chain of upcasts leads up from `fromVersion`
 */
export function upcastSteps(
  fromVersion: number,
  policy: Pick<TablePolicy, 'schema_version' | 'upcasts'>,
): UpcastStep[] | null {
  const steps: UpcastStep[] = []
  for (let version = fromVersion; version < policy.schema_version; version++) {
    const next = policy.upcasts[version]
    if (!next) return null
    steps.push(...next)
  }
  return steps
}

/** What is worth a second look in a policy that makes sense: older apps that it shuts out. */
export function upcastWarnings({
  schema_version: present,
  upcasts,
}: Pick<TablePolicy, 'schema_version' | 'upcasts'>): { pointer: string; detail: string }[] {
  const before = present - 1
  if (before < 1 || upcasts[before]) return []
  const detail =
    `has no steps from schema version ${before}: what apps of that version send is refused as unsupported, and waits ` +
    'among the dead letters until there are steps. An empty list says that nothing is to be done.'
  return [{ pointer: `/upcasts/${before}`, detail }]
}

export function applySteps(data: JsonObject, steps: readonly UpcastStep[]): JsonObject {
  return steps.reduce(applyStep, data)
}

/**
 * What is written where an app of an older schema writes this: what it sent, brought up, and in the fields that it does
 * not know what the record holds.
 * @param present the record as it is; null where there is none
 * @param known the fields that app knows, by their present names; null where nobody knows: then all but what the steps add
 */
export function upcast(
  data: JsonObject,
  steps: readonly UpcastStep[],
  present: JsonObject | null,
  known: KnownFields | null,
): JsonObject {
  const raised = applySteps(data, steps)
  if (present === null) return raised
  const written = applySteps(
    data,
    steps.filter((step) => !('default' in step)),
  )
  if (known !== null) return keepUnknown(raised, written, present, known)
  return steps.reduce((kept, step) => {
    if (!('default' in step)) return kept
    return Object.keys(step.default).reduce((filled, field) => {
      const path = parsePath(field)
      const value = valueAt(present, path)
      return value === undefined || valueAt(written, path) !== undefined
        ? filled
        : withValueAt(filled, path, value)
    }, kept)
  }, raised)
}

function applyStep(data: JsonObject, step: UpcastStep): JsonObject {
  if ('rename' in step) {
    return Object.entries(step.rename).reduce((renamed, [from, to]) => {
      const value = valueAt(renamed, parsePath(from))
      return value === undefined ? renamed : withValueAt(drop(renamed, from), parsePath(to), value)
    }, data)
  }
  if ('default' in step) {
    return Object.entries(step.default).reduce((filled, [field, value]) => {
      const path = parsePath(field)
      return valueAt(filled, path) === undefined ? withValueAt(filled, path, value) : filled
    }, data)
  }
  if ('drop' in step) return step.drop.reduce(drop, data)
  return Object.entries(step.map).reduce((mapped, [field, values]) => {
    const path = parsePath(field)
    const value = valueAt(mapped, path)
    const key = typeof value === 'string' ? value : JSON.stringify(value)
    return key !== undefined && Object.hasOwn(values, key) ? withValueAt(mapped, path, values[key]) : mapped
  }, data)
}

function drop(data: JsonObject, field: string): JsonObject {
  return withValueAt(data, parsePath(field), undefined)
}
