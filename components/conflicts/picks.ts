import type { ThreeStates } from '#lib/core/field-views.ts'
import { isJsonObject, jsonEqual, type Json } from '#lib/core/json.ts'
import { withValueAt } from '#lib/core/merge.ts'
import type { ConflictChoice, FieldView } from '#lib/protocol/console.ts'

/** A side, or both as they merge. */
export type PickedSide = 'client' | 'server' | 'base' | 'merged'
/** Where the value of a field comes from: what the device sent, what the server has, what both began with, or a person. */
export type Pick = { from: PickedSide } | { from: 'edit'; value: Json | undefined }
/** By path. */
export type Picks = Readonly<Record<string, Pick>>

/** What a field takes by itself: the side that changed it, or both. A clash takes nothing: a person decides. */
function defaultPick(field: FieldView): Pick | undefined {
  switch (field.kind) {
    case 'client':
      return { from: 'client' }
    case 'server':
    case 'same':
    case 'unchanged':
      return { from: 'server' }
    case 'joined':
    case 'merged':
      return { from: 'merged' }
    case 'clash':
      return undefined
  }
}

/** What a field takes. Both sides of a CRDT stay, whatever was picked: a device that has one would bring it back. */
export function pickOf(field: FieldView, picks: Picks): Pick | undefined {
  return (isPickable(field) ? picks[field.path] : undefined) ?? defaultPick(field)
}

/** Whether there is anything to pick. @param from with which value; any where left out */
export function isPickable(field: FieldView, from?: PickedSide): boolean {
  return field.kind !== 'joined' && (from !== 'merged' || field.kind === 'merged')
}

export function pickedValue(field: FieldView, pick: Pick): Json | undefined {
  return pick.from === 'edit' ? pick.value : field[pick.from]
}

export type Merged = {
  /** The record that would be written; null deletes it. Undecided places hold the server's value. */
  data: Json
  undecided: string[]
  /** How the server is told: a side as it stands, or a new state. */
  choice: ConflictChoice
}

/** The record that the picks make. */
export function mergePicks(fields: readonly FieldView[], picks: Picks, states: ThreeStates): Merged {
  const undecided: string[] = []
  let data: Json = states.server
  for (const field of fields) {
    const pick = pickOf(field, picks)
    if (!pick) {
      undecided.push(field.path)
      continue
    }
    const value = pickedValue(field, pick)
    if (field.segments.length === 0) data = value ?? null
    else if (isJsonObject(data)) data = withValueAt(data, field.segments, value)
  }
  const choice = jsonEqual(data, states.client)
    ? 'client'
    : jsonEqual(data, states.server)
      ? 'server'
      : 'merged'
  return { data, undecided, choice }
}

/** Places whose server value is another than when the person began to decide. */
export function movedPaths(before: readonly FieldView[], now: readonly FieldView[]): Set<string> {
  const seen = new Map(before.map((field) => [field.path, field.server]))
  const fresh = new Set(now.map((field) => field.path))
  const moved = now.filter((field) => !seen.has(field.path) || !jsonEqual(seen.get(field.path), field.server))
  const gone = before.filter((field) => !fresh.has(field.path))
  return new Set([...moved, ...gone].map((field) => field.path))
}
