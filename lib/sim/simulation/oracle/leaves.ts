import { isJsonObject, jsonEqual, type Json, type JsonObject } from '#lib/core/json.ts'

/** Every value that is no object, by its dotted path. */
export function leaves(data: JsonObject, prefix = ''): Map<string, Json> {
  return new Map(
    Object.entries(data).flatMap(([name, value]) =>
      isJsonObject(value) && Object.keys(value).length > 0
        ? [...leaves(value, `${prefix}${name}.`)]
        : [[prefix + name, value] as const],
    ),
  )
}

export const same = (a: Json | undefined, b: Json | undefined): boolean => jsonEqual(a ?? null, b ?? null)

/** Whether what is kept under one path holds the value at the other, or part of it. */
export const covers = (kept: string, path: string): boolean =>
  kept === '' || kept === path || path.startsWith(`${kept}.`) || kept.startsWith(`${path}.`)
