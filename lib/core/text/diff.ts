import Delta from 'quill-delta'
import { isWithinPair, opsOf, type TextOps } from './delta.ts'
import { commonParts } from './shortest-edit.ts'

/** A stretch of the two texts that may differ. */
type Stretch = { before: string; after: string }

/** Characters on both sides together, up to which the least edit is found whatever it takes: some ten milliseconds. */
const shortLength = 2_000

/** Characters that may differ in longer stretches, before they are cut where single words agree. */
const maxEdits = 300

/**
 * The edit that makes one text of another: the least one where it is small or the texts are short, else near to it.
 * Never splits a surrogate pair. Time is bounded by the texts' length times `maxEdits`, whatever they are.
 * @see https://bramcohen.livejournal.com/73318.html for the words that anchor long edits (patience diff)
 */
export function diffText(before: string, after: string): TextOps {
  const delta = new Delta()
  for (const stretch of stretches({ before, after })) {
    if (stretch.before === stretch.after) delta.retain(stretch.before.length)
    else delta.insert(stretch.after).delete(stretch.before.length)
  }
  return opsOf(delta.chop())
}

/** Cuts two texts where they agree, until what is left of them does not. */
function stretches({ before, after }: Stretch): Stretch[] {
  const start = commonStart(before, after)
  const end = commonEnd(before.slice(start), after.slice(start))
  const middle = {
    before: before.slice(start, before.length - end),
    after: after.slice(start, after.length - end),
  }
  const kept = (from: number, to: number) => ({
    before: before.slice(from, to),
    after: before.slice(from, to),
  })
  return [kept(0, start), ...cut(middle), kept(before.length - end, before.length)].filter(
    (stretch) => stretch.before !== '' || stretch.after !== '',
  )
}

function cut(middle: Stretch): Stretch[] {
  if (middle.before === '' || middle.after === '') return [middle]
  return leastEdit(middle) ?? cutAtWords(middle)
}

function leastEdit({ before, after }: Stretch): Stretch[] | null {
  const isShort = before.length + after.length <= shortLength
  const [ours, theirs] = [charactersOf(before), charactersOf(after)]
  const common = commonParts(ours, theirs, isShort ? Infinity : maxEdits)
  if (common === null) return null
  const parts: Stretch[] = []
  let at = { before: 0, after: 0 }
  const textOf = (characters: Uint32Array, from: number, to: number) =>
    Array.from(characters.subarray(from, to), (character) => String.fromCodePoint(character)).join('')
  for (const part of [...common, { before: ours.length, after: theirs.length, length: 0 }]) {
    parts.push({
      before: textOf(ours, at.before, part.before),
      after: textOf(theirs, at.after, part.after),
    })
    const kept = textOf(ours, part.before, part.before + part.length)
    parts.push({ before: kept, after: kept })
    at = { before: part.before + part.length, after: part.after + part.length }
  }
  return parts
}

function charactersOf(text: string): Uint32Array {
  return Uint32Array.from(text, (character) => character.codePointAt(0)!)
}

function cutAtWords(middle: Stretch): Stretch[] {
  const anchors = anchorsOf(middle)
  if (anchors.length === 0) return [middle]
  const parts: Stretch[] = []
  let at = { before: 0, after: 0 }
  for (const anchor of [
    ...anchors,
    { before: middle.before.length, after: middle.after.length, length: 0 },
  ]) {
    parts.push(
      ...stretches({
        before: middle.before.slice(at.before, anchor.before),
        after: middle.after.slice(at.after, anchor.after),
      }),
    )
    const word = middle.before.slice(anchor.before, anchor.before + anchor.length)
    if (word !== '') parts.push({ before: word, after: word })
    at = { before: anchor.before + anchor.length, after: anchor.after + anchor.length }
  }
  return parts
}

type Anchor = { before: number; after: number; length: number }

/** Words that both texts have exactly once, in the longest run of them that is in one order in both. */
function anchorsOf({ before, after }: Stretch): Anchor[] {
  const [ours, theirs] = [singleWords(before), singleWords(after)]
  const shared: Anchor[] = []
  for (const [word, at] of ours) {
    const other = theirs.get(word)
    if (at !== null && other !== null && other !== undefined) {
      shared.push({ before: at, after: other, length: word.length })
    }
  }
  return longestRising(shared)
}

/** Where each word is; null where it is more than once. In the order of the text. */
function singleWords(text: string): Map<string, number | null> {
  const words = new Map<string, number | null>()
  for (const { 0: word, index } of text.matchAll(/\S+\s*/g)) words.set(word, words.has(word) ? null : index)
  return words
}

/** The longest subsequence that rises in `after` too; the anchors come in the order of `before`. */
function longestRising(anchors: readonly Anchor[]): Anchor[] {
  const ends: number[] = []
  const previous: number[] = []
  for (const [index, anchor] of anchors.entries()) {
    let [low, high] = [0, ends.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (anchors[ends[middle]!]!.after < anchor.after) low = middle + 1
      else high = middle
    }
    previous[index] = low > 0 ? ends[low - 1]! : -1
    ends[low] = index
  }
  const rising: Anchor[] = []
  for (let index = ends.at(-1) ?? -1; index >= 0; index = previous[index]!) rising.push(anchors[index]!)
  return rising.toReversed()
}

function commonStart(a: string, b: string): number {
  const most = Math.min(a.length, b.length)
  let length = 0
  while (length < most && a.charCodeAt(length) === b.charCodeAt(length)) length++
  return isWithinPair(a, length) || isWithinPair(b, length) ? length - 1 : length
}

function commonEnd(a: string, b: string): number {
  const most = Math.min(a.length, b.length)
  let length = 0
  while (length < most && a.charCodeAt(a.length - 1 - length) === b.charCodeAt(b.length - 1 - length))
    length++
  return isWithinPair(a, a.length - length) || isWithinPair(b, b.length - length) ? length - 1 : length
}
