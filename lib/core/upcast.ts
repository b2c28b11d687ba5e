import { isJsonObject, type Json, type JsonObject } from './json.ts'
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
      const value = read(renamed, from)
      return value === undefined ? renamed : write(write(renamed, from, undefined), to, value)
    }, data)
  }
  if ('default' in step) {
    return Object.entries(step.default).reduce(
      (filled, [field, value]) => (read(filled, field) === undefined ? write(filled, field, value) : filled),
      data,
    )
  }
  if ('drop' in step) return step.drop.reduce((rest, field) => write(rest, field, undefined), data)
  return Object.entries(step.map).reduce((mapped, [field, values]) => {
    const value = read(mapped, field)
    const key = typeof value === 'string' ? value : JSON.stringify(value)
    return key !== undefined && Object.hasOwn(values, key) ? write(mapped, field, values[key]) : mapped
  }, data)
}

function read(data: JsonObject, path: string): Json | undefined {
  let at: Json | undefined = data
  for (const key of path.split('.')) {
    if (!isJsonObject(at) || !Object.hasOwn(at, key)) return undefined
    at = at[key]
  }
  return at
}

/** A copy with the field set, or removed where the value is undefined. */
function write(data: JsonObject, path: string, value: Json | undefined): JsonObject {
  const [key = '', ...rest] = path.split('.')
  const copy = { ...data }
  if (rest.length > 0) {
    const inner = Object.hasOwn(data, key) ? data[key] : undefined
    if (!isJsonObject(inner) && value === undefined) return data
    copy[key] = write(isJsonObject(inner) ? inner : {}, rest.join('.'), value)
  } else if (value === undefined) delete copy[key]
  else copy[key] = value
  return copy
}
