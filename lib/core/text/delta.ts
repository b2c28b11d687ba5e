import Delta from 'quill-delta'
import { isJsonObject, type Json } from '../json.ts'

/** One step through a text, in UTF-16 code units: what is kept, what is put there, what is taken away. */
export type TextOp = { retain: number } | { insert: string } | { delete: number }

/** An edit of a text as steps from its beginning; what is after the last one stays. */
export type TextOps = TextOp[]

/**
 * Steps as a device sends them.
 * @returns the steps, or what is wrong and at which of them
 */
export function readTextOps(
  value: Json | undefined,
): { ops: TextOps } | { at: number | null; detail: string } {
  if (!Array.isArray(value)) return { at: null, detail: 'must be a list of steps' }
  const ops: TextOps = []
  for (const [at, step] of value.entries()) {
    const op = readTextOp(step)
    if (!op)
      return { at, detail: 'must be {"retain": n}, {"delete": n} with n from 1, or {"insert": "text"}' }
    ops.push(op)
  }
  return { ops }
}

function readTextOp(step: Json): TextOp | null {
  if (!isJsonObject(step) || Object.keys(step).length !== 1) return null
  const { retain, insert, delete: removed } = step
  if (isLength(retain)) return { retain }
  if (isLength(removed)) return { delete: removed }
  return typeof insert === 'string' && insert !== '' ? { insert } : null
}

function isLength(value: Json | undefined): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 1
}

/**
 * The text after an edit.
 * @returns null where the edit does not fit: it goes past the end, or into a character of two code units
 */
export function applyTextOps(text: string, ops: readonly TextOp[]): string | null {
  const parts: string[] = []
  let at = 0
  for (const op of ops) {
    if ('insert' in op) {
      if (isWithinPair(text, at)) return null
      parts.push(op.insert)
      continue
    }
    const from = at
    at += 'retain' in op ? op.retain : op.delete
    if (at > text.length || isWithinPair(text, at)) return null
    if ('retain' in op) parts.push(text.slice(from, at))
  }
  parts.push(text.slice(at))
  return parts.join('')
}

/** Whether a place lies between the two halves of a surrogate pair. */
export function isWithinPair(text: string, at: number): boolean {
  return at > 0 && at < text.length && isHigh(text.charCodeAt(at - 1)) && isLow(text.charCodeAt(at))
}

const isHigh = (unit: number) => unit >= 0xd800 && unit < 0xdc00
const isLow = (unit: number) => unit >= 0xdc00 && unit < 0xe000

/**
 * An edit as it is to be made where `other` was made already, of the same text.
 * TP1: `other` and then this, is the same as `ops` and then `transformTextOps(other, ops, …)` with the other order.
 * @param otherIsFirst what both insert at one place stands in this order
 * @see Ellis and Gibbs, "Concurrency Control in Groupware Systems" (1989); https://quilljs.com/docs/delta
 */
export function transformTextOps(
  ops: readonly TextOp[],
  other: readonly TextOp[],
  otherIsFirst: boolean,
): TextOps {
  return opsOf(new Delta([...other]).transform(new Delta([...ops]), otherIsFirst))
}

/** One edit that does what the two do, one after the other. */
export function composeTextOps(first: readonly TextOp[], second: readonly TextOp[]): TextOps {
  return opsOf(new Delta([...first]).compose(new Delta([...second])).chop())
}

/** Plain text comes back from quill-delta as plain text: we never give it formats or embeds. */
export function opsOf(delta: Delta): TextOps {
  return delta.ops as TextOps
}
