import { ContentDeleted, ContentString, decodeUpdate, Item, type ID } from 'yjs'
import { placeRuns } from './text-placement.ts'
import { sameId, type Run } from './text-run.ts'

type Range = { from: number; to: number }

/** Everything that was ever written into one plain text, and what of it was deleted. */
export type History = {
  /** Name of the text in its document; null where nothing was ever written. */
  root: string | null
  /** By client, in order, from its first letter on. */
  runs: ReadonlyMap<number, readonly Run[]>
  /** By client, in order. */
  deleted: ReadonlyMap<number, readonly Range[]>
}

/**
 * Reads a Yjs update as the whole history of one plain text, without integrating it: in time about linear in its size,
 * whatever it claims.
 * @returns why the update is no such history, where it is none
 */
export function readHistory(update: Uint8Array): { history: History } | { fault: string } {
  const decoded = decode(update)
  if (decoded === null) return { fault: 'is no Yjs update' }
  const runs: Run[] = []
  let root: string | null = null
  for (const struct of decoded.structs) {
    if (!(struct instanceof Item)) return { fault: 'holds a gap, or more than one plain text' }
    const { id, origin, rightOrigin, parent, parentSub, content, length } = struct
    if (!(content instanceof ContentString || content instanceof ContentDeleted) || parentSub !== null) {
      return { fault: 'holds more than plain text' }
    }
    // Only a run with no neighbour names the text it is in; the others are where their neighbour is.
    const name: unknown = parent
    if (typeof name === 'string') {
      if (root !== null && root !== name)
        return { fault: `holds two texts, ${quote(root)} and ${quote(name)}` }
      root = name
    } else if (name !== null) {
      return { fault: 'holds more than plain text' }
    }
    if (length < 1) return { fault: 'holds an empty run' }
    const text = content instanceof ContentString ? content.str : null
    runs.push({ client: id.client, clock: id.clock, length, origin, right: rightOrigin, content: text })
  }
  const byClient = group(runs)
  const fault = gapFault(byClient) ?? placeRuns(runs)
  if (fault !== null) return { fault }
  const deleted = rangesOf(decoded.ds.clients)
  for (const [client, ranges] of deleted) {
    if ((ranges.at(-1)?.to ?? 0) > lengthOf(byClient, client))
      return { fault: 'deletes what it does not hold' }
  }
  return { history: { root, runs: byClient, deleted } }
}

/** Whether everything in the one history is in the other, as it is there. */
export function includes(whole: History, part: History): boolean {
  for (const client of part.runs.keys()) {
    if (lengthOf(whole.runs, client) < lengthOf(part.runs, client)) return false
  }
  for (const [client, ranges] of part.deleted) {
    const others = whole.deleted.get(client) ?? []
    if (!covers(others, ranges)) return false
  }
  return agree(whole, part)
}

/** Whether each range lies in one of the others; both are sorted and joined. */
function covers(others: readonly Range[], ranges: readonly Range[]): boolean {
  let at = 0
  return ranges.every(({ from, to }) => {
    while (at < others.length && others[at]!.to < to) at++
    const other = others[at]
    return other !== undefined && other.from <= from
  })
}

/** Whether two histories tell the same of every letter that both know. */
export function agree(a: History, b: History): boolean {
  if (a.root !== null && b.root !== null && a.root !== b.root) return false
  for (const [client, ours] of a.runs) {
    const theirs = b.runs.get(client) ?? []
    for (let [i, j] = [0, 0]; i < ours.length && j < theirs.length;) {
      const [x, y] = [ours[i]!, theirs[j]!]
      const [from, to] = [Math.max(x.clock, y.clock), Math.min(x.clock + x.length, y.clock + y.length)]
      if (!sameId(originAt(x, from), originAt(y, from)) || !sameId(x.right, y.right)) return false
      if (!sameText(slice(x, from, to), slice(y, from, to))) return false
      if (x.clock + x.length === to) i++
      if (y.clock + y.length === to) j++
    }
  }
  return true
}

function slice({ content, clock }: Run, from: number, to: number): string | null {
  return content === null ? null : content.slice(from - clock, to - clock)
}

/** Where Yjs splits a run within a character of two code units, it puts a replacement for each half. */
function sameText(a: string | null, b: string | null): boolean {
  if (a === null || b === null || a === b) return true
  return Array.from({ length: a.length }, (_, at) => [a[at]!, b[at]!] as const).every(
    ([x, y]) => x === y || (x === replacement && isHalf(y)) || (y === replacement && isHalf(x)),
  )
}

const replacement = '\ufffd'
const isHalf = (unit: string) => unit >= '\ud800' && unit <= '\udfff'

function originAt({ client, clock, origin }: Run, at: number): ID | null {
  return at === clock ? origin : { client, clock: at - 1 }
}

function lengthOf(runs: History['runs'], client: number): number {
  const last = runs.get(client)?.at(-1)
  return last ? last.clock + last.length : 0
}

function gapFault(byClient: History['runs']): string | null {
  for (const runs of byClient.values()) {
    let expected = 0
    for (const { clock, length } of runs) {
      if (clock !== expected) return 'is only part of a history: send the whole state'
      expected = clock + length
    }
  }
  return null
}

function group(runs: readonly Run[]): Map<number, Run[]> {
  return Map.groupBy(
    runs.toSorted((a, b) => a.clock - b.clock),
    ({ client }) => client,
  )
}

/** Sorted, and joined where they touch. */
function rangesOf(
  clients: ReadonlyMap<number, readonly { clock: number; len: number }[]>,
): Map<number, Range[]> {
  return new Map(
    [...clients].map(([client, items]) => {
      const joined: Range[] = []
      for (const { clock, len } of items.toSorted((a, b) => a.clock - b.clock)) {
        const last = joined.at(-1)
        if (last && clock <= last.to) last.to = Math.max(last.to, clock + len)
        else joined.push({ from: clock, to: clock + len })
      }
      return [client, joined]
    }),
  )
}

function decode(update: Uint8Array) {
  try {
    return decodeUpdate(update)
  } catch {
    return null
  }
}

const quote = (name: string) => JSON.stringify(name.slice(0, 50))
