import { decodeUpdate } from 'yjs'
import { crdtTypeOf, isCrdt } from '#lib/core/crdt/types.ts'
import { elementKey } from '#lib/core/crdt/element.ts'
import { isJsonObject, jsonEqual, type Json, type JsonObject } from '#lib/core/json.ts'

/**
 * What a state tells, piece by piece: pieces that are only ever added, and a number or stamp by name of which the
 * greatest counts. Read from the wire form alone, and a text by Yjs itself, so that nothing of the merging is believed.
 */
type Told = { pieces: ReadonlySet<string>; greatest: ReadonlyMap<string, number | string> }

/** The CRDTs of a record, by field. */
export function crdtFields(data: JsonObject | null | undefined): [field: string, state: JsonObject][] {
  return Object.entries(data ?? {}).flatMap(([field, value]) =>
    isCrdt(value) ? [[field, value] as [string, JsonObject]] : [],
  )
}

/** The first thing that one state tells and another does not; null where it tells all of it. */
export function missing(part: JsonObject, whole: Json | undefined): string | null {
  if (!isCrdt(whole) || whole['$crdt'] !== part['$crdt']) return `the ${crdtTypeOf(part)}`
  const [wanted, has] = [told(part), told(whole)]
  for (const piece of wanted.pieces) {
    // The tag of an element goes with its removal.
    const removal = piece.startsWith('tag ') ? `removed ${piece.split(' ')[1]}` : piece
    if (!has.pieces.has(piece) && !has.pieces.has(removal)) return piece
  }
  for (const [name, value] of wanted.greatest) {
    const found = has.greatest.get(name)
    if (found === undefined || found < value) return `${name} ${value}, which is ${found}`
  }
  return null
}

/** The first piece of a state that none of those tells which it was made of; and one that came back after its removal. */
export function invented(whole: JsonObject, parts: readonly Json[]): string | null {
  const known = parts.flatMap((part) => (isCrdt(part) ? [told(part)] : []))
  const { pieces, greatest } = told(whole)
  for (const piece of pieces) {
    if (!known.some((each) => each.pieces.has(piece))) return piece
    const removal = `removed ${piece.split(' ')[1]}`
    if (piece.startsWith('tag ') && known.some((each) => each.pieces.has(removal)))
      return `${piece}, which was removed`
  }
  const stamp = greatest.get('stamp')
  const isKnown = known.some((each) => each.greatest.get('stamp') === stamp)
  return stamp === undefined || isKnown ? null : `a value set at ${stamp}`
}

/** What a counter shows; 0 where there is none. */
function shownCount(value: Json | undefined): number {
  if (!isCrdt(value)) return 0
  const sum = (counts: Json | undefined) =>
    Object.values((counts ?? {}) as Record<string, number>).reduce((total, count) => total + count, 0)
  return sum(value['counts']) + sum(value['inc']) - sum(value['dec'])
}

/** Whether the counters of a record show what the marks say that were left with each count. */
export function miscounted(data: JsonObject): string | null {
  const marks = isCrdt(data['marks'])
    ? (data['marks']['items'] as string[]).map((mark) => mark.split(' '))
    : []
  for (const field of ['visits', 'stock']) {
    const counted = marks.reduce((sum, [name, by]) => sum + (name === field ? Number(by) : 0), 0)
    const shown = shownCount(data[field])
    if (shown !== counted) return `${field} shows ${shown}, and was counted to ${counted}`
  }
  return null
}

function told(state: JsonObject): Told {
  const pieces = new Set<string>()
  const greatest = new Map<string, number | string>()
  const counts = (side: string) => {
    for (const [device, count] of Object.entries((state[side] ?? {}) as Record<string, number>)) {
      if (count > 0) greatest.set(`${side} of ${device}`, count)
    }
  }
  switch (crdtTypeOf(state)) {
    case 'g-counter':
      counts('counts')
      break
    case 'pn-counter':
      counts('inc')
      counts('dec')
      break
    case 'g-set':
      for (const item of state['items'] as Json[]) pieces.add(`item ${elementKey(item)}`)
      break
    case 'or-set':
      for (const [element, tags] of Object.entries(state['entries'] as Record<string, string[]>)) {
        for (const tag of tags) pieces.add(`tag ${tag} of ${element}`)
      }
      for (const tag of state['removed'] as string[]) pieces.add(`removed ${tag}`)
      break
    case 'lww-register':
      greatest.set('stamp', state['hlc'] as string)
      break
    case 'text':
      textPieces(state['update'] as string, pieces)
      break
    case null:
  }
  return { pieces, greatest }
}

/** Every letter that was ever written, and every one that was deleted. */
function textPieces(update: string, pieces: Set<string>): void {
  const { structs, ds } = decodeUpdate(Buffer.from(update, 'base64'))
  for (const { id, length } of structs) {
    for (let i = 0; i < length; i++) pieces.add(`letter ${id.client}:${id.clock + i}`)
  }
  for (const [client, ranges] of ds.clients) {
    for (const { clock, len } of ranges) {
      for (let i = 0; i < len; i++) pieces.add(`deleted ${client}:${clock + i}`)
    }
  }
}

/** A record but for the stamps of its registers, as text. */
export function withoutStamps(data: JsonObject | null): string {
  return JSON.stringify(data, (_, value: Json) =>
    isJsonObject(value) && value['$crdt'] === 'lww-register' ? { ...value, hlc: '' } : value,
  )
}

/** Two registers of one stamp hold one value. */
export function disagree(a: JsonObject, b: Json | undefined): boolean {
  return isCrdt(b) && a['$crdt'] === 'lww-register' && a['hlc'] === b['hlc'] && !jsonEqual(a, b)
}
