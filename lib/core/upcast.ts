import type { JsonObject } from './json.ts'
import { parsePath, valueAt, withValueAt } from './merge.ts'
import type { TablePolicy, UpcastStep } from './policy.ts'

/**
 * Data of a device with an older schema, brought up to the table's.
 * A device at or past the table's version is taken as it is: the number belongs to the app, not to one table.
 * @returns null where no chain of upcasts leads up from `fromVersion`
 */
export function upcast(
  data: JsonObject,
  fromVersion: number,
  policy: Pick<TablePolicy, 'schema_version' | 'upcasts'>,
): JsonObject | null {
  let upcasted = data
  for (let version = fromVersion; version < policy.schema_version; version++) {
    const steps = policy.upcasts[version]
    if (!steps) return null
    upcasted = steps.reduce(applyStep, upcasted)
  }
  return upcasted
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
