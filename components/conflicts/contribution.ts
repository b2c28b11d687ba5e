import { jsonText } from '#components/ui/json-value.tsx'
import { crdtTypeOf, crdtValue, isCrdt } from '#lib/core/crdt/types.ts'
import { jsonEqual, type Json } from '#lib/core/json.ts'
import { diffText } from '#lib/core/text/diff.ts'

/**
 * What a side made of a CRDT, in few words: `+2`, `+ "a"`, `− "b"`; none where that is nothing, or cannot be read.
 * @param before undefined where the side made the state
 */
export function contributions(before: Json | undefined, after: Json | undefined): string[] {
  if (!isCrdt(after)) return []
  const was = isCrdt(before) ? crdtValue(before) : undefined
  const is = crdtValue(after)
  if (is === undefined || jsonEqual(was, is)) return []
  switch (crdtTypeOf(after)) {
    case 'g-counter':
    case 'pn-counter': {
      const grown = Number(is) - Number(was ?? 0)
      return grown === 0 ? [] : [grown > 0 ? `+${grown}` : `−${-grown}`]
    }
    case 'g-set':
    case 'or-set':
      return elementChanges(listOf(was), listOf(is))
    case 'text':
      return textChanges(textOf(was), textOf(is))
    case 'lww-register':
      return [`set to ${jsonText(is)}`]
    case null:
      return []
  }
}

function listOf(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : []
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}

function elementChanges(before: Json[], after: Json[]): string[] {
  const missing = (from: Json[], list: Json[]) =>
    from.filter((item) => !list.some((other) => jsonEqual(item, other)))
  return [
    ...missing(after, before).map((item) => `+ ${jsonText(item)}`),
    ...missing(before, after).map((item) => `− ${jsonText(item)}`),
  ]
}

function textChanges(before: string, after: string): string[] {
  let at = 0
  return diffText(before, after).flatMap((op) => {
    if ('insert' in op) return [`+ “${op.insert}”`]
    const from = at
    at += 'retain' in op ? op.retain : op.delete
    return 'delete' in op ? [`− “${before.slice(from, at)}”`] : []
  })
}
