import { isCrdt } from './crdt/types.ts'
import { isNested } from './field-diff.ts'
import { fieldRule } from './field-rules.ts'
import { isJsonObject, jsonEqual, memberOf, type Json, type JsonObject } from './json.ts'
import { formatPath, withValueAt, type Join, type Path } from './merge.ts'
import type { TablePolicy } from './policy.ts'
import { mergeText } from './text/merge.ts'

/**
 * What happened to a place on either side of the base. `same`: both made the same of it; `joined`: it is a CRDT, and
 * what either side has stays, whatever anybody picks; `merged`: it is text that both changed, and merges letter by letter.
 */
export type FieldKind = 'unchanged' | 'same' | 'client' | 'server' | 'joined' | 'merged' | 'clash'

/** One place of a record in three states; a side that does not have it is undefined. */
export type FieldView = {
  /** Dotted, as `formatPath` writes it; "" is the whole record. */
  path: string
  segments: string[]
  kind: FieldKind
  base: Json | undefined
  client: Json | undefined
  server: Json | undefined
  /** What both sides come to, where the kind is `joined` or `merged`. */
  merged?: Json | undefined
}

/** A record in conflict; null where it does not exist (was deleted, or never was). */
export type ThreeStates = { base: JsonObject | null; client: JsonObject | null; server: JsonObject | null }

/**
 * The places of a record at which a person can decide: nested objects down to their values, arrays as values.
 * Where one side deleted the record, the record is the only place.
 * @param policy the table's, which says what merges by itself; null where it has none
 */
export function fieldViews({ base, client, server }: ThreeStates, policy: TablePolicy | null): FieldView[] {
  if (client === null || server === null) {
    return [{ path: '', segments: [], kind: kindOf(base, client, server), base, client, server }]
  }
  // Without a base two texts were not made of one: then nobody can say what either side added.
  const joinText = base === null ? undefined : joinTexts
  const joinAt = (path: Path) => policy && (fieldRule(policy, path, joinText).join ?? null)
  return walk([], { base: base ?? undefined, client, server }, joinAt)
}

/**
 * What merges by itself, with the server's value where a person has to decide.
 * @returns null where a side deleted the record: then there is nothing between the two
 */
export function suggestMerge(
  { client, server }: ThreeStates,
  views: readonly FieldView[],
): { data: JsonObject; clashes: string[] } | null {
  if (client === null || server === null) return null
  const data = views.reduce((merged, view) => withValueAt(merged, view.segments, takenFrom(view)), server)
  return { data, clashes: views.filter(({ kind }) => kind === 'clash').map(({ path }) => path) }
}

function takenFrom(view: FieldView): Json | undefined {
  switch (view.kind) {
    case 'client':
      return view.client
    case 'joined':
    case 'merged':
      return view.merged
    case 'unchanged':
    case 'same':
    case 'server':
    case 'clash':
      return view.server
  }
}

type Sides = Record<'base' | 'client' | 'server', Json | undefined>

function walk(segments: string[], sides: Sides, joinAt: (path: Path) => Join | null): FieldView[] {
  const { base, client, server } = sides
  // As the merge descends: what one side removed or replaced is one place.
  if (isNested(client) && isNested(server)) {
    const names = new Set(
      [server, client, base].flatMap((value) => (isJsonObject(value) ? Object.keys(value) : [])),
    )
    if (names.size > 0) {
      return [...names].flatMap((name) => {
        const within = {
          base: memberOf(base, name),
          client: memberOf(client, name),
          server: memberOf(server, name),
        }
        return walk([...segments, name], within, joinAt)
      })
    }
  }
  return [{ path: formatPath(segments), segments, ...sides, ...settle(segments, sides, joinAt) }]
}

function settle(
  segments: string[],
  { base, client, server }: Sides,
  joinAt: (path: Path) => Join | null,
): Pick<FieldView, 'kind' | 'merged'> {
  const kind = kindOf(base, client, server)
  const isState = isCrdt(client) || isCrdt(server)
  if (kind === 'same' || kind === 'unchanged' || (kind !== 'clash' && !isState)) return { kind }
  const both = joinAt(segments)?.(segments, { base, ours: client, theirs: server }) ?? null
  return both === null || both === 'clash'
    ? { kind }
    : { kind: isState ? 'joined' : 'merged', merged: both.value }
}

const joinTexts: Join = (_, { base = '', ours, theirs }) =>
  typeof base === 'string' && typeof ours === 'string' && typeof theirs === 'string'
    ? { value: mergeText({ base, ours, theirs }, undefined, null).text }
    : null

function kindOf(
  base: Json | undefined,
  client: Json | undefined,
  server: Json | undefined,
): Exclude<FieldKind, 'joined' | 'merged'> {
  if (jsonEqual(client, server)) return jsonEqual(client, base) ? 'unchanged' : 'same'
  if (jsonEqual(server, base)) return 'client'
  if (jsonEqual(client, base)) return 'server'
  return 'clash'
}
